import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { badWeights } from './bad-weights.ts';
import { digestFiles } from './digest-files.ts';
import { isFile, isJsonObject, readJsonFile, readOptionalJsonFile } from './json-file.ts';
import { parseHuggingFaceConfig, readTokenIds } from './model-config.ts';
import type { ModelWeights, TokenizerFiles } from './model-weights.ts';
import { SafetensorsFile } from './safetensors-file.ts';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
const MAX_SHARDS = 1024;

/**
 * Opens a model folder as Hugging Face lays it out: `config.json`, `tokenizer.json`, and the parameters
 * in `model.safetensors` or in several files named by `model.safetensors.index.json`.
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function openHuggingFaceFolder(
  folder: string,
  id = basename(folder).toLowerCase(),
): Promise<ModelWeights> {
  const configPath = join(folder, 'config.json');
  const generationPath = join(folder, 'generation_config.json');
  const config = parseHuggingFaceConfig(configPath, await readJsonFile(configPath));
  const generation = await readOptionalJsonFile(generationPath);
  const moreEnds = readTokenIds(generationPath, 'eos_token_id', generation?.['eos_token_id']);
  const paths = await listShards(folder);
  const shards: SafetensorsFile[] = [];
  try {
    for (const path of paths) shards.push(await SafetensorsFile.open(path));
  } catch (error) {
    await Promise.all(shards.map((shard) => shard.close()));
    throw error;
  }
  const shardOf = new Map(shards.flatMap((shard) => [...shard.names()].map((name) => [name, shard] as const)));
  return {
    id,
    config: { ...config, endTokens: [...new Set([...config.endTokens, ...moreEnds])] },
    has: (name) => shardOf.has(name),
    read: (name, shape, target) => {
      const shard = shardOf.get(name);
      if (shard === undefined) return Promise.reject(badWeights(folder, name, 'is missing'));
      return shard.read(name, shape, target);
    },
    digest: () => digestFiles([configPath, ...paths]),
    readTokenizer: () => readTokenizerFiles(folder),
    close: async () => {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

async function listShards(folder: string): Promise<string[]> {
  const single = join(folder, SINGLE_FILE);
  if (await isFile(single)) return [single];
  const indexPath = join(folder, INDEX_FILE);
  const index = await readOptionalJsonFile(indexPath);
  if (index === undefined) throw badWeights(folder, '', `holds neither ${SINGLE_FILE} nor ${INDEX_FILE}`);
  const map = index['weight_map'];
  if (!isJsonObject(map)) throw badWeights(indexPath, 'weight_map', 'must be an object');
  const names = [...new Set(Object.values(map))].sort();
  if (names.length > MAX_SHARDS) throw badWeights(indexPath, 'weight_map', `names more than ${MAX_SHARDS} files`);
  return names.map((name) => {
    // A name with a path in it could point anywhere on the machine.
    if (typeof name !== 'string' || name !== basename(name) || !name.endsWith('.safetensors')) {
      throw badWeights(
        indexPath,
        'weight_map',
        `names ${JSON.stringify(name)}, which is no safetensors file beside it`,
      );
    }
    return join(folder, name);
  });
}

async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const path = join(folder, 'tokenizer.json');
  const tokenizerConfig = (await readOptionalJsonFile(join(folder, 'tokenizer_config.json'))) ?? {};
  const templatePath = join(folder, 'chat_template.jinja');
  const chatTemplate = (await isFile(templatePath))
    ? await readFile(templatePath, 'utf8')
    : findTemplate(tokenizerConfig['chat_template']);
  return { tokenizer: await readJsonFile(path), tokenizerConfig, chatTemplate, path };
}

/** One template, or a list of named ones of which "default" counts. */
function findTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.filter(isJsonObject).find((entry) => entry['name'] === 'default');
  const template = named?.['template'];
  return typeof template === 'string' ? template : undefined;
}
