import type { GraphMatrix } from '../language-model/runtime/graph-matrix.ts';
import type { OnnxConstant, OnnxGraph, OnnxNode, OnnxValue } from '../language-model/runtime/onnx-graph.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';

/*
 * One transformer block of the Llama architecture in three parts, so that the tokens of several sessions share the
 * products with its matrices, which is what a step of few tokens takes its time for, and only attention runs session
 * by session; and as a whole for one. Norms are inputs; matrices are inputs or constants, see `GraphMatrix`.
 */

export const PROJECTION_MATRICES = ['query', 'key', 'value'] as const;
export const OUTPUT_MATRICES = ['output', 'gate', 'up', 'down'] as const;
export type BlockMatrix = (typeof PROJECTION_MATRICES)[number] | (typeof OUTPUT_MATRICES)[number];

type Matrices<Name extends BlockMatrix> = Readonly<Record<Name, GraphMatrix>>;

/** All three parts, for the tokens of one session: `hidden`, norms and cache to `result` and the new rows. */
export function buildWholeGraph(config: ModelConfig, matrices: Matrices<BlockMatrix>): OnnxGraph {
  return {
    name: 'block',
    inputs: [
      rows('hidden', config.hiddenSize),
      normInput(config, 'attentionNorm'),
      normInput(config, 'feedForwardNorm'),
      ...inputsOf(matrices),
      ...cacheInputs(config),
    ],
    outputs: [rows('result', config.hiddenSize), ...newRows(config)],
    nodes: [...projectionNodes(config, matrices), ...attentionNodes(config), ...outputNodes(config, matrices)],
    constants: constantsOf(matrices),
  };
}

/** First part: `hidden` and `attentionNorm` to `queries`, `keys` and `values`. */
export function buildProjectionGraph(
  config: ModelConfig,
  matrices: Matrices<(typeof PROJECTION_MATRICES)[number]>,
): OnnxGraph {
  return {
    name: 'projection',
    inputs: [rows('hidden', config.hiddenSize), normInput(config, 'attentionNorm'), ...inputsOf(matrices)],
    outputs: projected(config),
    nodes: projectionNodes(config, matrices),
    constants: constantsOf(matrices),
  };
}

function projectionNodes(
  config: ModelConfig,
  { query, key, value }: Matrices<(typeof PROJECTION_MATRICES)[number]>,
): OnnxNode[] {
  return [
    norm(config, 'hidden', 'attentionNorm', 'attentionInput'),
    query.product('attentionInput', 'queries'),
    key.product('attentionInput', 'keys'),
    value.product('attentionInput', 'values'),
  ];
}

/**
 * Second part, of one session: `queries`, `keys`, `values` and the cache to `attended` and the new rows.
 *
 * The cache is an input, float32[1, keyValueHeads, room, headDimension]. The operator returns a whole new cache,
 * which the JavaScript binding would copy out for every token; so only the new rows leave the graph (`newKeys`,
 * `newValues`), and the caller writes them into its cache.
 */
export function buildAttentionGraph(config: ModelConfig): OnnxGraph {
  return {
    name: 'attention',
    inputs: [...projected(config), ...cacheInputs(config)],
    outputs: [rows('attended', queriesWidth(config)), ...newRows(config)],
    nodes: attentionNodes(config),
  };
}

function attentionNodes(config: ModelConfig): OnnxNode[] {
  const positions = ['lastPosition', 'endPositionScalar', 'cosines', 'sines'];
  const slice = (present: string, output: string): OnnxNode => ({
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
    slice('presentKeys', 'newKeys'),
    slice('presentValues', 'newValues'),
  ];
}

/** Third part: `hidden`, `attended` and `feedForwardNorm` to `result`. */
export function buildOutputGraph(config: ModelConfig, matrices: Matrices<(typeof OUTPUT_MATRICES)[number]>): OnnxGraph {
  return {
    name: 'output',
    inputs: [
      rows('hidden', config.hiddenSize),
      rows('attended', queriesWidth(config)),
      normInput(config, 'feedForwardNorm'),
      ...inputsOf(matrices),
    ],
    outputs: [rows('result', config.hiddenSize)],
    nodes: outputNodes(config, matrices),
    constants: constantsOf(matrices),
  };
}

function outputNodes(config: ModelConfig, matrices: Matrices<(typeof OUTPUT_MATRICES)[number]>): OnnxNode[] {
  return [
    matrices.output.product('attended', 'attentionOutput'),
    { operator: 'Add', inputs: ['hidden', 'attentionOutput'], outputs: ['middle'] },
    norm(config, 'middle', 'feedForwardNorm', 'feedForwardInput'),
    matrices.gate.product('feedForwardInput', 'gated'),
    matrices.up.product('feedForwardInput', 'raised'),
    { operator: 'Sigmoid', inputs: ['gated'], outputs: ['openness'] },
    { operator: 'Mul', inputs: ['gated', 'openness'], outputs: ['activated'] },
    { operator: 'Mul', inputs: ['activated', 'raised'], outputs: ['product'] },
    matrices.down.product('product', 'feedForwardOutput'),
    { operator: 'Add', inputs: ['middle', 'feedForwardOutput'], outputs: ['result'] },
  ];
}

function projected(config: ModelConfig): OnnxValue[] {
  const keys = config.keyValueHeadCount * config.headDimension;
  return [rows('queries', queriesWidth(config)), rows('keys', keys), rows('values', keys)];
}

function queriesWidth(config: ModelConfig): number {
  return config.headCount * config.headDimension;
}

function inputsOf(matrices: Readonly<Record<string, GraphMatrix>>): OnnxValue[] {
  return Object.values(matrices).flatMap(({ inputs }) => inputs);
}

function constantsOf(matrices: Readonly<Record<string, GraphMatrix>>): OnnxConstant[] {
  return Object.values(matrices).flatMap(({ constants }) => constants);
}

function rows(name: string, width: number): OnnxValue {
  return { name, type: 'float32', shape: [1, 'tokens', width] };
}

function normInput(config: ModelConfig, name: string): OnnxValue {
  return { name, type: 'float32', shape: [config.hiddenSize] };
}

function cache({ keyValueHeadCount, headDimension }: ModelConfig, name: string, tokens: string): OnnxValue {
  return { name, type: 'float32', shape: [1, keyValueHeadCount, tokens, headDimension] };
}

function newRows(config: ModelConfig): OnnxValue[] {
  return [cache(config, 'newKeys', 'tokens'), cache(config, 'newValues', 'tokens')];
}

function cacheInputs(config: ModelConfig): OnnxValue[] {
  const index = (name: string): OnnxValue => ({ name, type: 'int32', shape: [1] });
  return [
    cache(config, 'pastKeys', 'room'),
    cache(config, 'pastValues', 'room'),
    { name: 'cosines', type: 'float32', shape: ['positions', config.headDimension / 2] },
    { name: 'sines', type: 'float32', shape: ['positions', config.headDimension / 2] },
    index('lastPosition'),
    { name: 'endPositionScalar', type: 'int32', shape: [] },
    index('startPosition'),
    index('endPosition'),
    index('tokenAxis'),
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
