import type { Config } from '../../config/schema.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { locateModel } from '../../language-model/weights/locate-model.ts';
import { findFetchableModel } from '../../language-model/weights/pull/known-models.ts';
import { pullModel } from '../../language-model/weights/pull-model.ts';
import type { CommandIo } from '../command-io.ts';
import { createProgressBar } from '../progress-bar.ts';

/** Served when the configuration names no model: real chat, fetched at the first start. */
const DEFAULT_MODEL = 'smollm2-135m-instruct';

/** In the repository: served when the default cannot be fetched. */
const FALLBACK_MODEL = 'tiny-austen';

/**
 * The files of the model to serve, fetched if need be. A model that was asked for by name is served or
 * the start fails; the default one gives way to the bundled one, with a line that says so.
 * @param stop breaks the fetching off
 * @returns path of the model's folder or file; undefined when it was broken off
 * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_BAD_WEIGHTS
 */
export async function prepareModel(config: Config, io: CommandIo, stop: AbortSignal): Promise<string | undefined> {
  const { id, cache_dir: cacheFolder, offline } = config.model;
  const wanted = id ?? DEFAULT_MODEL;
  const present = await locateModel(wanted, cacheFolder).catch(() => undefined);
  if (present !== undefined) return present;
  if (findFetchableModel(wanted) === undefined) return locateModel(wanted, cacheFolder); // for its error
  try {
    return await fetch(wanted, cacheFolder, offline, io, stop);
  } catch (error) {
    if (stop.aborted) return undefined;
    if (id !== undefined || !(error instanceof DispatcherError)) throw error;
    io.stderr.write(`daisychain: ${error.message}; serving the bundled ${FALLBACK_MODEL} instead\n`);
    return locateModel(FALLBACK_MODEL, cacheFolder);
  }
}

async function fetch(
  model: string,
  cacheFolder: string,
  isOffline: boolean,
  io: CommandIo,
  signal: AbortSignal,
): Promise<string> {
  const bar = createProgressBar(io.stderr);
  try {
    const pulled = await pullModel({
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
    return pulled.path;
  } finally {
    bar.clear();
  }
}
