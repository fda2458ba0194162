import type { OnnxGraph, OnnxNode, OnnxValue } from '../language-model/runtime/onnx-graph.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import { BLOCK_TENSORS, type BlockTensor, blockTensorShape } from '../language-model/weights/tensor-names.ts';

/**
 * One transformer block of the Llama architecture.
 *
 * Its parameters are inputs, so a single compiled graph serves every block of a model, a block is loaded by
 * reading its tensors, and nothing is kept twice. Measured with 30 blocks of 576 x 1536 numbers: as fast as
 * constants for single tokens, at half the memory.
 *
 * The cache is an input too, float32[1, keyValueHeads, reserved, headDimension]. The operator returns a whole
 * new cache, which the JavaScript binding would copy out for every token; so only the new rows leave the graph
 * (`newKeys`, `newValues`), and the caller writes them into its cache. 10 times faster at 8,192 reserved tokens.
 */
export interface BlockGraphs {
  /** The whole block for the tokens of one session: `hidden` and its cache to `result` and the new rows. */
  readonly whole: OnnxGraph;
  /** First part for tokens of several sessions: `hidden` to `queries`, `keys` and `values`. */
  readonly projection: OnnxGraph;
  /** Second part, session by session: `queries`, `keys`, `values` and the cache to `attended` and the new rows. */
  readonly attention: OnnxGraph;
  /** Third part for tokens of several sessions: `hidden` and `attended` to `result`. */
  readonly output: OnnxGraph;
}

/** Parameters of the first and third part; attention has none. */
export const PROJECTION_TENSORS: readonly BlockTensor[] = ['attentionNorm', 'query', 'key', 'value'];
export const OUTPUT_TENSORS: readonly BlockTensor[] = ['output', 'feedForwardNorm', 'gate', 'up', 'down'];

export function buildBlockGraphs(config: ModelConfig): BlockGraphs {
  const queries = config.headCount * config.headDimension;
  const keys = config.keyValueHeadCount * config.headDimension;
  const hidden = rows('hidden', config.hiddenSize);
  const result = rows('result', config.hiddenSize);
  const attended = rows('attended', queries);
  const projected = [rows('queries', queries), rows('keys', keys), rows('values', keys)];
  const newRows = [cache(config, 'newKeys', 'tokens'), cache(config, 'newValues', 'tokens')];
  const parameters = (tensors: readonly BlockTensor[]): OnnxValue[] =>
    tensors.map((name) => ({ name, type: 'float32', shape: blockTensorShape(config, name) }));
  return {
    whole: {
      name: 'block',
      inputs: [hidden, ...parameters(BLOCK_TENSORS), ...cacheInputs(config)],
      outputs: [result, ...newRows],
      nodes: [...projectionNodes(config), ...attentionNodes(config), ...outputNodes(config)],
    },
    projection: {
      name: 'projection',
      inputs: [hidden, ...parameters(PROJECTION_TENSORS)],
      outputs: projected,
      nodes: projectionNodes(config),
    },
    attention: {
      name: 'attention',
      inputs: [...projected, ...cacheInputs(config)],
      outputs: [attended, ...newRows],
      nodes: attentionNodes(config),
    },
    output: {
      name: 'output',
      inputs: [hidden, attended, ...parameters(OUTPUT_TENSORS)],
      outputs: [result],
      nodes: outputNodes(config),
    },
  };
}

function rows(name: string, width: number): OnnxValue {
  return { name, type: 'float32', shape: [1, 'tokens', width] };
}

function cache({ keyValueHeadCount, headDimension }: ModelConfig, name: string, tokens: string): OnnxValue {
  return { name, type: 'float32', shape: [1, keyValueHeadCount, tokens, headDimension] };
}

function cacheInputs(config: ModelConfig): OnnxValue[] {
  const index = (name: string): OnnxValue => ({ name, type: 'int32', shape: [1] });
  return [
    cache(config, 'pastKeys', 'reserved'),
    cache(config, 'pastValues', 'reserved'),
    { name: 'cosines', type: 'float32', shape: ['positions', config.headDimension / 2] },
    { name: 'sines', type: 'float32', shape: ['positions', config.headDimension / 2] },
    index('lastPosition'),
    { name: 'endPositionScalar', type: 'int32', shape: [] },
    index('startPosition'),
    index('endPosition'),
    index('tokenAxis'),
  ];
}

function projectionNodes(config: ModelConfig): OnnxNode[] {
  return [
    norm(config, 'hidden', 'attentionNorm', 'attentionInput'),
    project('attentionInput', 'query', 'queries'),
    project('attentionInput', 'key', 'keys'),
    project('attentionInput', 'value', 'values'),
  ];
}

function attentionNodes(config: ModelConfig): OnnxNode[] {
  const positions = ['lastPosition', 'endPositionScalar', 'cosines', 'sines'];
  const newRows = (present: string, output: string): OnnxNode => ({
    operator: 'Slice',
    inputs: [present, 'startPosition', 'endPosition', 'tokenAxis'],
    outputs: [output],
  });
  return [
    {
      operator: 'GroupQueryAttention',
      isContributed: true,
      inputs: ['queries', 'keys', 'values', 'pastKeys', 'pastValues', ...positions],
      outputs: ['attended', 'presentKeys', 'presentValues'],
      ints: {
        num_heads: config.headCount,
        kv_num_heads: config.keyValueHeadCount,
        do_rotary: 1,
        rotary_interleaved: config.rotary.isInterleaved ? 1 : 0,
      },
    },
    newRows('presentKeys', 'newKeys'),
    newRows('presentValues', 'newValues'),
  ];
}

function outputNodes(config: ModelConfig): OnnxNode[] {
  return [
    project('attended', 'output', 'attentionOutput'),
    { operator: 'Add', inputs: ['hidden', 'attentionOutput'], outputs: ['middle'] },
    norm(config, 'middle', 'feedForwardNorm', 'feedForwardInput'),
    project('feedForwardInput', 'gate', 'gated'),
    project('feedForwardInput', 'up', 'raised'),
    { operator: 'Sigmoid', inputs: ['gated'], outputs: ['openness'] },
    { operator: 'Mul', inputs: ['gated', 'openness'], outputs: ['activated'] },
    { operator: 'Mul', inputs: ['activated', 'raised'], outputs: ['product'] },
    project('product', 'down', 'feedForwardOutput'),
    { operator: 'Add', inputs: ['middle', 'feedForwardOutput'], outputs: ['result'] },
  ];
}

function norm(config: ModelConfig, input: string, weight: string, output: string): OnnxNode {
  return {
    operator: 'SimplifiedLayerNormalization',
    inputs: [input, weight],
    outputs: [output],
    floats: { epsilon: config.normEpsilon },
  };
}

/** Multiplies with a matrix as the files keep it, [outputs, inputs]: no transposed copy is needed. */
function project(input: string, weight: string, output: string): OnnxNode {
  return {
    operator: 'FusedMatMul',
    isContributed: true,
    inputs: [input, weight],
    outputs: [output],
    ints: { transB: 1 },
  };
}
