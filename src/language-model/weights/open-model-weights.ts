import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openGgufFile } from './gguf-file.ts';
import { openHuggingFaceFolder } from './hugging-face-folder.ts';
import { isFile } from './json-file.ts';
import type { ModelWeights } from './model-weights.ts';

const GGUF_EXTENSION = '.gguf';

/**
 * Opens a model at a path that `locateModel` gave: a GGUF file, a folder with one, or a Hugging Face folder.
 * @param id name to serve it under; by default that of the folder, or of a file that was named itself
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function openModelWeights(path: string, id?: string): Promise<ModelWeights> {
  const ggufFile = await findGgufFile(path);
  if (ggufFile === undefined) return await openHuggingFaceFolder(path, id);
  return await openGgufFile(ggufFile, id ?? basename(path, GGUF_EXTENSION).toLowerCase());
}

/** The path itself, or the first GGUF file of a folder without `config.json`. */
export async function findGgufFile(path: string): Promise<string | undefined> {
  if (path.endsWith(GGUF_EXTENSION) && (await isFile(path))) return path;
  if (await isFile(join(path, 'config.json'))) return undefined;
  const names = await readdir(path).catch(() => []);
  const name = names.filter((each) => each.endsWith(GGUF_EXTENSION)).sort()[0];
  return name === undefined ? undefined : join(path, name);
}
