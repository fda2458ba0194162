import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { isFile } from './json-file.ts';
import { findGgufFile } from './open-model-weights.ts';

/** Models that come with the program. */
const BUNDLED_MODELS = fileURLToPath(new URL('../../../models/', import.meta.url));
/** Lower-case words; no separators, so an id can never lead out of the folders searched. */
const MODEL_ID = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** Where fetched models are kept: `DAISYCHAIN_CACHE_DIR`, else `~/.cache/daisychain`. */
export function modelCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const folder = env['DAISYCHAIN_CACHE_DIR'];
  return folder === undefined || folder === '' ? join(homedir(), '.cache', 'daisychain') : resolve(folder);
}

/**
 * The file or folder of a model, absolute.
 * @param idOrPath path of a model folder or GGUF file, or the id of a model that is bundled or in the cache
 * @param cacheFolder see `modelCacheFolder`
 * @throws DispatcherError DSP_MODEL_NOT_FOUND
 */
export async function locateModel(idOrPath: string, cacheFolder: string): Promise<string> {
  if (MODEL_ID.test(idOrPath)) {
    for (const parent of [BUNDLED_MODELS, join(cacheFolder, 'models')]) {
      const found = await findModel(join(parent, idOrPath));
      if (found !== undefined) return found;
    }
  }
  if (isAbsolute(idOrPath) || /[/\\]/.test(idOrPath)) {
    const found = await findModel(resolve(idOrPath));
    if (found !== undefined) return found;
  }
  throw new DispatcherError(
    'DSP_MODEL_NOT_FOUND',
    `no model ${JSON.stringify(idOrPath)}: it is neither bundled, nor in ${join(cacheFolder, 'models')}, nor a path with a separator; fetch it with "daisychain pull"`,
    { param: 'model' },
  );
}

async function findModel(path: string): Promise<string | undefined> {
  const isModel = (await isFile(join(path, 'config.json'))) || (await findGgufFile(path)) !== undefined;
  return isModel ? path : undefined;
}
