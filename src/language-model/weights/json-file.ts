import { readFile, stat } from 'node:fs/promises';
import { badWeights } from './bad-weights.ts';

/** Tokenizers of 256,000 words are about 40 MB; nothing that a model folder holds as JSON is larger. */
const MAX_JSON_BYTES = 128 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A JSON object from a file of a model folder.
 * @throws DispatcherError DSP_BAD_WEIGHTS when it is absent, too large, no JSON or no object
 */
export async function readJsonFile(path: string): Promise<JsonObject> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) throw badWeights(path, '', `is ${size} bytes; at most ${MAX_JSON_BYTES} are read`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw badWeights(path, '', 'does not exist; name a folder that holds a whole model', error);
    }
    throw error instanceof Error && 'syscall' in error ? badWeights(path, '', 'cannot be read', error) : error;
  }
  return parseJsonObject(path, text);
}

/** As `readJsonFile`, but undefined when there is no such file. */
export async function readOptionalJsonFile(path: string): Promise<JsonObject | undefined> {
  return (await isFile(path)) ? await readJsonFile(path) : undefined;
}

export function parseJsonObject(path: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badWeights(path, '', 'is not valid JSON', error);
  }
  if (!isJsonObject(value)) throw badWeights(path, '', 'does not hold a JSON object');
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
