import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelShape } from '../../src/domain/model/model.ts';
import { digestFiles } from '../../src/language-model/weights/digest-files.ts';
import { parseHuggingFaceConfig } from '../../src/language-model/weights/model-config.ts';
import {
  computeBlockBytes,
  computeCacheBytesPerToken,
  EMBEDDING_TENSOR,
  FINAL_NORM_TENSOR,
  HEAD_TENSOR,
} from '../../src/language-model/weights/tensor-names.ts';

const TOKENIZER = fileURLToPath(new URL('../../models/tiny-austen/tokenizer.json', import.meta.url));
/** Token ids below this. */
export const VOCABULARY = 1024;
const HIDDEN_SIZE = 16;
/** A token that is text: others are no event of a stream. */
const ANSWERED = 300;

/**
 * Seventy blocks whose parameters and caches are in the same proportion as BLOOM-176B's with a tenth of
 * the bytes: 1.32 GB and 57,344 bytes a token there. Only their sizes exist, and the client's half.
 */
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: HIDDEN_SIZE,
  intermediate_size: 685_778,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  head_dim: 716,
  num_hidden_layers: 70,
  vocab_size: VOCABULARY,
  max_position_embeddings: 8192,
  eos_token_id: VOCABULARY - 1,
  tie_word_embeddings: false,
};

export interface EmulatedModel {
  readonly folder: string;
  readonly shape: ModelShape;
  readonly hiddenSize: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly sessionTokens: number;
  readonly weightsDigest: string;
  /** Bytes of a block here over those of the model it stands for. */
  readonly memoryScale: number;
}

const BLOOM_BLOCK_BYTES = 1_320_000_000;

/** Writes the model's folder, whose name is its id. It answers every prompt with one token, over and over. */
export async function writeEmulatedModel(folder: string): Promise<EmulatedModel> {
  await mkdir(folder, { recursive: true });
  const configPath = join(folder, 'config.json');
  const weightsPath = join(folder, 'model.safetensors');
  await writeFile(configPath, JSON.stringify(CONFIG));
  await writeFile(weightsPath, clientHalf());
  await copyFile(TOKENIZER, join(folder, 'tokenizer.json'));
  const config = parseHuggingFaceConfig(configPath, CONFIG);
  const blockBytes = computeBlockBytes(config, 'float32');
  const cacheBytesPerTokenPerBlock = computeCacheBytesPerToken(config);
  const sessionTokens = CONFIG.max_position_embeddings;
  return {
    folder,
    shape: {
      id: basename(folder),
      blockCount: CONFIG.num_hidden_layers,
      blockBytes,
      cacheBytesPerBlock: cacheBytesPerTokenPerBlock * sessionTokens,
    },
    hiddenSize: HIDDEN_SIZE,
    cacheBytesPerTokenPerBlock,
    sessionTokens,
    weightsDigest: await digestFiles([configPath, weightsPath]),
    memoryScale: blockBytes / BLOOM_BLOCK_BYTES,
  };
}

/** As a safetensors file: a token's embedding is its number, and the likeliest token always the same. */
function clientHalf(): Buffer {
  const embeddings = new Float32Array(VOCABULARY * HIDDEN_SIZE);
  for (let token = 0; token < VOCABULARY; token += 1) embeddings[token * HIDDEN_SIZE] = token;
  const norm = new Float32Array(HIDDEN_SIZE).fill(1);
  const head = new Float32Array(VOCABULARY * HIDDEN_SIZE);
  // The second number of a row is above zero: when it left its server.
  head[ANSWERED * HIDDEN_SIZE + 1] = 1;
  const tensors = { [EMBEDDING_TENSOR]: embeddings, [FINAL_NORM_TENSOR]: norm, [HEAD_TENSOR]: head };
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { byteLength, length }] of Object.entries(tensors)) {
    const shape = length === HIDDEN_SIZE ? [HIDDEN_SIZE] : [VOCABULARY, HIDDEN_SIZE];
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, ...[embeddings, norm, head].map(({ buffer }) => Buffer.from(buffer))]);
}
