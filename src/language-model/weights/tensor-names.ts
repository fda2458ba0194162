import type { WeightsDtype } from '../../domain/model/weights-dtype.ts';
import type { ModelConfig } from './model-config.ts';
import { GROUP_VALUES } from './quantize-matrix.ts';

/** One parameter tensor and its shape. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Parameters outside the blocks. */
export const EMBEDDING_TENSOR = 'model.embed_tokens.weight';
export const FINAL_NORM_TENSOR = 'model.norm.weight';
export const HEAD_TENSOR = 'lm_head.weight';

/** Parameters of a block by the short names that the block graph uses; matrices are [outputs, inputs]. */
export const BLOCK_TENSORS = [
  'attentionNorm',
  'query',
  'key',
  'value',
  'output',
  'feedForwardNorm',
  'gate',
  'up',
  'down',
] as const;
export type BlockTensor = (typeof BLOCK_TENSORS)[number];

const NAMES: Readonly<Record<BlockTensor, string>> = {
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  feedForwardNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};

export function blockTensor(config: ModelConfig, block: number, tensor: BlockTensor): TensorSpec {
  return { name: `model.layers.${block}.${NAMES[tensor]}.weight`, shape: blockTensorShape(config, tensor) };
}

export function blockTensorShape(config: ModelConfig, tensor: BlockTensor): readonly number[] {
  const queries = config.headCount * config.headDimension;
  const keys = config.keyValueHeadCount * config.headDimension;
  const shapes: Readonly<Record<BlockTensor, readonly number[]>> = {
    attentionNorm: [config.hiddenSize],
    query: [queries, config.hiddenSize],
    key: [keys, config.hiddenSize],
    value: [keys, config.hiddenSize],
    output: [config.hiddenSize, queries],
    feedForwardNorm: [config.hiddenSize],
    gate: [config.feedForwardSize, config.hiddenSize],
    up: [config.feedForwardSize, config.hiddenSize],
    down: [config.hiddenSize, config.feedForwardSize],
  };
  return shapes[tensor];
}

/** Bytes of one block's parameters. In int8 the matrices have a byte a value and a float32 scale a group; norms stay float32. */
export function computeBlockBytes(config: ModelConfig, dtype: WeightsDtype): number {
  let bytes = 0;
  for (const tensor of BLOCK_TENSORS) {
    const shape = blockTensorShape(config, tensor);
    const elements = shape.reduce((product, size) => product * size, 1);
    const isQuantized = dtype === 'int8' && shape.length === 2;
    bytes += isQuantized
      ? elements + (elements / GROUP_VALUES) * Float32Array.BYTES_PER_ELEMENT
      : elements * Float32Array.BYTES_PER_ELEMENT;
  }
  return bytes;
}

/** Bytes of keys and values of one token in one block, in float32. */
export function computeCacheBytesPerToken(config: ModelConfig): number {
  return 2 * config.keyValueHeadCount * config.headDimension * Float32Array.BYTES_PER_ELEMENT;
}
