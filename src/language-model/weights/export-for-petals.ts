import { open, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { badWeights } from './bad-weights.ts';
import { readJsonFile } from './json-file.ts';
import type { ModelConfig } from './model-config.ts';
import type { ModelWeights } from './model-weights.ts';
import { findGgufFile } from './open-model-weights.ts';
import {
  BLOCK_TENSORS,
  type BlockTensor,
  blockTensor,
  EMBEDDING_TENSOR,
  FINAL_NORM_TENSOR,
  HEAD_TENSOR,
  type TensorSpec,
} from './tensor-names.ts';

const WEIGHTS_FILE = /\.safetensors(?:\.index\.json)?$/;

/** A tensor of the folder, and the heads whose rows a GGUF file keeps in another order, if any. */
interface Exported extends TensorSpec {
  readonly interleavedHeads: number | undefined;
}

/**
 * Whether PETALS 2.2 understands a model as it is. It reads Hugging Face folders with the rotary base at
 * the top level of `config.json`; where it stands elsewhere it would silently compute with 10000.
 * @throws DispatcherError DSP_BAD_WEIGHTS for a model that it cannot compute in any form
 */
export async function isReadByPetals(modelPath: string, config: ModelConfig): Promise<boolean> {
  petalsConfig(modelPath, config);
  if ((await findGgufFile(modelPath)) !== undefined) return false;
  const json = await readJsonFile(join(modelPath, 'config.json'));
  return (json['rope_theta'] ?? 10_000) === config.rotary.base && (json['rope_scaling'] ?? null) === null;
}

/**
 * Writes a model as the Hugging Face folder that PETALS 2.2 reads: `config.json` in the spelling of its
 * time, and the parameters, in float32 out of a GGUF file, as links where they are in safetensors files.
 * No tokenizer: servers need none.
 * @param folder exists and is empty
 * @param signal breaks the writing off
 * @throws DispatcherError DSP_BAD_WEIGHTS; DSP_CANCELLED when broken off
 */
export async function exportForPetals(
  modelPath: string,
  weights: ModelWeights,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const config = petalsConfig(modelPath, weights.config);
  if ((await findGgufFile(modelPath)) === undefined) {
    for (const name of await readdir(modelPath))
      if (WEIGHTS_FILE.test(name)) await symlink(resolve(modelPath, name), join(folder, name));
  } else {
    await writeSafetensors(join(folder, 'model.safetensors'), weights, signal);
  }
  // Last: a folder without it is no model.
  await writeFile(join(folder, 'config.json'), config);
}

/** `config.json` as transformers 4.34 wants it. */
function petalsConfig(modelPath: string, config: ModelConfig): string {
  const { rotary, headCount, hiddenSize } = config;
  if (config.headDimension * headCount !== hiddenSize)
    throw badWeights(modelPath, 'head_dim', `must be hidden_size / num_attention_heads for PETALS 2.2`);
  if (rotary.scaling.kind === 'llama3')
    throw badWeights(modelPath, 'rope_scaling', 'of Llama 3.1 is not known to PETALS 2.2');
  const text = JSON.stringify(
    {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: hiddenSize,
      intermediate_size: config.feedForwardSize,
      num_hidden_layers: config.blockCount,
      num_attention_heads: headCount,
      num_key_value_heads: config.keyValueHeadCount,
      vocab_size: config.vocabularySize,
      max_position_embeddings: config.contextTokens,
      hidden_act: 'silu',
      rms_norm_eps: config.normEpsilon,
      rope_theta: rotary.base,
      rope_scaling: rotary.scaling.kind === 'linear' ? { type: 'linear', factor: rotary.scaling.factor } : null,
      tie_word_embeddings: config.isHeadTied,
      torch_dtype: 'float32',
      bos_token_id: null,
      eos_token_id: config.endTokens[0] ?? null,
    },
    undefined,
    2,
  );
  // A factor without a decimal point is refused as no float.
  return `${text.replace(/("factor": \d+)$/m, '$1.0')}\n`;
}

async function writeSafetensors(path: string, weights: ModelWeights, signal: AbortSignal | undefined): Promise<void> {
  const { config } = weights;
  const tensors: Exported[] = [
    plain(EMBEDDING_TENSOR, [config.vocabularySize, config.hiddenSize]),
    plain(FINAL_NORM_TENSOR, [config.hiddenSize]),
    ...(config.isHeadTied ? [] : [plain(HEAD_TENSOR, [config.vocabularySize, config.hiddenSize])]),
  ];
  const heads: Partial<Record<BlockTensor, number>> = config.rotary.isInterleaved
    ? { query: config.headCount, key: config.keyValueHeadCount }
    : {};
  for (let block = 0; block < config.blockCount; block += 1)
    for (const tensor of BLOCK_TENSORS)
      tensors.push({ ...blockTensor(config, block, tensor), interleavedHeads: heads[tensor] });
  const handle = await open(path, 'wx');
  try {
    await handle.write(safetensorsHeader(tensors));
    for (const { name, shape, interleavedHeads } of tensors) {
      if (signal?.aborted === true) throw new DispatcherError('DSP_CANCELLED', 'the writing was broken off');
      const stored = await weights.read(name, shape);
      const values = interleavedHeads === undefined ? stored : inHalves(stored, interleavedHeads, shape);
      await handle.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  } finally {
    await handle.close();
  }
}

function plain(name: string, shape: readonly number[]): Exported {
  return { name, shape, interleavedHeads: undefined };
}

/** 8 bytes of length, then JSON, padded so that the values begin at a multiple of 8. */
function safetensorsHeader(tensors: readonly TensorSpec[]): Buffer {
  let end = 0;
  const entries = tensors.map(({ name, shape }) => {
    const start = end;
    end += shape.reduce((product, size) => product * size, Float32Array.BYTES_PER_ELEMENT);
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }] as const;
  });
  const text = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json]);
}

/** Rows of each head from the order where rotated pairs are neighbours to that where they are half a head apart. */
function inHalves(values: Float32Array, heads: number, [rows = 0, columns = 0]: readonly number[]): Float32Array {
  const result = new Float32Array(values.length);
  const size = rows / heads;
  for (let row = 0; row < rows; row += 1) {
    const inHead = row % size;
    const to = row - inHead + (inHead >> 1) + (inHead & 1) * (size / 2);
    result.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return result;
}
