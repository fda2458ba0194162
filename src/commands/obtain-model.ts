import { locateModel } from '../language-model/weights/locate-model.ts';
import { findFetchableModel } from '../language-model/weights/pull/known-models.ts';
import { type PulledModel, pullModel } from '../language-model/weights/pull-model.ts';
import type { CommandIo } from './command-io.ts';
import { createProgressBar } from './progress-bar.ts';

export interface ModelWish {
  /** Id, path, or `owner/name` of a repository on the Hugging Face hub. */
  readonly model: string;
  readonly cacheFolder: string;
  /** Fetch nothing. */
  readonly isOffline: boolean;
  /** Breaks the fetching off. */
  readonly signal: AbortSignal;
}

/**
 * The files of a model: those that are here, or else fetched, with progress on the terminal.
 * @returns path of the model's folder or file
 * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_BAD_WEIGHTS; DSP_CANCELLED when broken off
 */
export async function obtainModel(wish: ModelWish, io: CommandIo): Promise<string> {
  const present = await locateModel(wish.model, wish.cacheFolder).catch(() => undefined);
  if (present !== undefined) return present;
  if (findFetchableModel(wish.model) === undefined) return locateModel(wish.model, wish.cacheFolder); // for its error
  return (await fetchModel(wish, io)).path;
}

/** Fetches a model unless it is here; tells on stderr from where, and how far it is. */
export async function fetchModel(
  { model, cacheFolder, isOffline, signal }: ModelWish,
  io: CommandIo,
): Promise<PulledModel> {
  const bar = createProgressBar(io.stderr);
  try {
    return await pullModel({
      model,
      cacheFolder,
      isOffline,
      signal,
      env: io.env,
      onNote: (line) => {
        bar.clear();
        io.stderr.write(`${line}\n`);
      },
      onProgress: ({ file, bytes, totalBytes }) => bar.show(file, bytes, totalBytes),
    });
  } finally {
    bar.clear();
  }
}

/** Whether the environment forbids fetching, for commands without a configuration. */
export function isOffline(env: CommandIo['env']): boolean {
  return env['DAISYCHAIN_OFFLINE'] === '1' || env['DAISYCHAIN_OFFLINE'] === 'true';
}
