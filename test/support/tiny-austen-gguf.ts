import { readFileSync } from 'node:fs';
import type { ModelConfig } from '../../src/language-model/weights/model-config.ts';
import { openModelWeights } from '../../src/language-model/weights/open-model-weights.ts';
import { BLOCK_TENSORS, type BlockTensor, blockTensor } from '../../src/language-model/weights/tensor-names.ts';
import { entry, type GgufTensorBytes, ggufBytes } from './gguf-bytes.ts';
import { TINY_AUSTEN } from './tiny-austen.ts';

const PARTS: Readonly<Record<BlockTensor, string>> = {
  attentionNorm: 'attn_norm',
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  output: 'attn_output',
  feedForwardNorm: 'ffn_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
};

/** tiny-austen as a converter to GGUF would write it: float32, the rows of queries and keys interleaved. */
export async function tinyAustenGguf(): Promise<Uint8Array> {
  const weights = await openModelWeights(TINY_AUSTEN);
  const { config } = weights;
  const tensors: GgufTensorBytes[] = [];
  const add = async (name: string, source: string, shape: readonly number[], headCount?: number): Promise<void> => {
    const values = await weights.read(source, shape);
    const rows = headCount === undefined ? values : interleave(values, config, shape[1]!);
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    tensors.push({ name, dimensions: shape.toReversed(), type: 0, bytes });
  };
  await add('token_embd.weight', 'model.embed_tokens.weight', [config.vocabularySize, config.hiddenSize]);
  await add('output_norm.weight', 'model.norm.weight', [config.hiddenSize]);
  for (let block = 0; block < config.blockCount; block += 1) {
    for (const tensor of BLOCK_TENSORS) {
      const { name, shape } = blockTensor(config, block, tensor);
      const heads = { query: config.headCount, key: config.keyValueHeadCount }[tensor as string];
      await add(`blk.${block}.${PARTS[tensor]}.weight`, name, shape, heads);
    }
  }
  await weights.close();
  return ggufBytes([...shapeEntries(config), ...tokenizerEntries()], tensors);
}

/** Rows i and i + d/2 of each head become rows 2i and 2i + 1. */
function interleave(values: Float32Array, { headDimension }: ModelConfig, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  const half = headDimension / 2;
  for (let row = 0; row < values.length / columns; row += 1) {
    const head = Math.floor(row / headDimension);
    const inHead = row % headDimension;
    const to = head * headDimension + (inHead % half) * 2 + Math.floor(inHead / half);
    result.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return result;
}

function shapeEntries(config: ModelConfig) {
  return [
    entry.text('general.architecture', 'llama'),
    entry.u32('llama.block_count', config.blockCount),
    entry.u32('llama.context_length', config.contextTokens),
    entry.u32('llama.embedding_length', config.hiddenSize),
    entry.u32('llama.feed_forward_length', config.feedForwardSize),
    entry.u32('llama.attention.head_count', config.headCount),
    entry.u32('llama.attention.head_count_kv', config.keyValueHeadCount),
    entry.f32('llama.attention.layer_norm_rms_epsilon', config.normEpsilon),
    entry.f32('llama.rope.freq_base', config.rotary.base),
  ];
}

function tokenizerEntries() {
  const json = JSON.parse(readFileSync(`${TINY_AUSTEN}/tokenizer.json`, 'utf8')) as {
    added_tokens: { id: number }[];
    model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  };
  const tokens = Object.entries(json.model.vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
  const special = new Set(json.added_tokens.map(({ id }) => id));
  return [
    entry.text('tokenizer.ggml.model', 'gpt2'),
    entry.text('tokenizer.ggml.pre', 'gpt-2'),
    entry.texts('tokenizer.ggml.tokens', tokens),
    entry.u32s(
      'tokenizer.ggml.token_type',
      tokens.map((_, id) => (special.has(id) ? 3 : 1)),
    ),
    entry.texts(
      'tokenizer.ggml.merges',
      json.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
    ),
    entry.u32('tokenizer.ggml.eos_token_id', 0),
  ];
}
