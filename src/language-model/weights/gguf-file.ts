import { type FileHandle, open } from 'node:fs/promises';
import { badWeights } from './bad-weights.ts';
import { digestFiles } from './digest-files.ts';
import { parseGgufConfig } from './gguf-config.ts';
import { type GgufHeader, type GgufTensor, readGgufHeader } from './gguf-header.ts';
import { GGUF_STORAGES, type GgufStorage } from './gguf-quantization.ts';
import { readGgufTokenizer } from './gguf-tokenizer.ts';
import type { ModelWeights } from './model-weights.ts';
import { readFully } from './read-fully.ts';
import { EMBEDDING_TENSOR, FINAL_NORM_TENSOR, HEAD_TENSOR } from './tensor-names.ts';

/** Groups converted at a time, so that no second copy of a large tensor is needed. */
const PIECE_GROUPS = 65_536;

/** Tensors of a block, by what Hugging Face calls them. */
const BLOCK_NAMES: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};
const OUTER_NAMES: Readonly<Record<string, string>> = {
  [EMBEDDING_TENSOR]: 'token_embd.weight',
  [FINAL_NORM_TENSOR]: 'output_norm.weight',
  [HEAD_TENSOR]: 'output.weight',
};
const BLOCK_TENSOR_NAME = /^model\.layers\.(\d+)\.(.+)\.weight$/;

/**
 * Opens a GGUF file of the Llama architecture. Its query and key rows are stored in another order than in
 * Hugging Face's files, which interleaved rotary positions make up for.
 * @param id name to serve it under
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function openGgufFile(path: string, id: string): Promise<ModelWeights> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw badWeights(path, '', 'cannot be opened', error);
  }
  try {
    const { size } = await handle.stat();
    const header = await readGgufHeader(path, handle, size, false);
    checkTensors(path, header, size);
    const config = parseGgufConfig(path, header);
    return {
      id,
      config,
      has: (name) => header.tensors.has(ggufName(name)),
      read: (name, shape, target) => readTensor(path, handle, header, ggufName(name), shape, target),
      digest: () => digestFiles([path]),
      readTokenizer: async () => readGgufTokenizer(path, (await readGgufHeader(path, handle, size, true)).metadata),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readTensor(
  path: string,
  handle: FileHandle,
  header: GgufHeader,
  name: string,
  shape: readonly number[],
  target?: Float32Array,
): Promise<Float32Array> {
  const tensor = header.tensors.get(name);
  if (tensor === undefined) throw badWeights(path, name, 'is missing');
  const storage = GGUF_STORAGES.get(tensor.type);
  if (storage === undefined) {
    const known = [...GGUF_STORAGES.values()].map((each) => each.name).join(', ');
    throw badWeights(path, name, `has ggml type ${tensor.type}; ${known} are supported`);
  }
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
    throw badWeights(path, name, `has shape [${tensor.shape.join(', ')}], not [${shape.join(', ')}]`);
  }
  const values = target ?? new Float32Array(countValues(shape));
  const groups = values.length / storage.groupValues;
  const piece = new Uint8Array(Math.min(PIECE_GROUPS, groups) * storage.groupBytes);
  for (let first = 0; first < groups; first += PIECE_GROUPS) {
    const count = Math.min(PIECE_GROUPS, groups - first);
    const bytes = piece.subarray(0, count * storage.groupBytes);
    await readFully(path, handle, bytes, tensor.start + first * storage.groupBytes);
    storage.widen(bytes, values.subarray(first * storage.groupValues, (first + count) * storage.groupValues));
  }
  return values;
}

/** No tensor may lie outside the file or over another one. Types that are not supported have no known size. */
function checkTensors(path: string, header: GgufHeader, fileBytes: number): void {
  const sorted = [...header.tensors].sort(([, a], [, b]) => a.start - b.start);
  let end = 0;
  for (const [name, tensor] of sorted) {
    if (tensor.start < end) throw badWeights(path, name, 'overlaps another tensor');
    end = tensor.start + computeBytes(path, name, tensor);
    if (end > fileBytes) throw badWeights(path, name, 'lies outside the file');
  }
}

function computeBytes(path: string, name: string, tensor: GgufTensor): number {
  const storage: GgufStorage | undefined = GGUF_STORAGES.get(tensor.type);
  if (storage === undefined) return 0;
  const row = tensor.shape.at(-1) ?? 1;
  if (row % storage.groupValues !== 0) {
    throw badWeights(path, name, `has rows of ${row} values, which are no whole groups of ${storage.name}`);
  }
  return (countValues(tensor.shape) / storage.groupValues) * storage.groupBytes;
}

function countValues(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function ggufName(name: string): string {
  const [, block, part = ''] = BLOCK_TENSOR_NAME.exec(name) ?? [];
  return block === undefined ? (OUTER_NAMES[name] ?? name) : `blk.${block}.${BLOCK_NAMES[part] ?? part}.weight`;
}
