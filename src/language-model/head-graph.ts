import type { OnnxGraph } from './runtime/onnx-graph.ts';
import type { ModelConfig } from './weights/model-config.ts';

/**
 * Final norm and head: hidden float32[rows, hiddenSize] to logits float32[rows, vocabularySize]. The head
 * matrix is an input, [vocabularySize, hiddenSize], so that a tied head shares the embeddings' memory.
 */
export function buildHeadGraph(config: ModelConfig): OnnxGraph {
  const { hiddenSize, vocabularySize } = config;
  return {
    name: 'head',
    inputs: [
      { name: 'hidden', type: 'float32', shape: ['rows', hiddenSize] },
      { name: 'norm', type: 'float32', shape: [hiddenSize] },
      { name: 'head', type: 'float32', shape: [vocabularySize, hiddenSize] },
    ],
    outputs: [{ name: 'logits', type: 'float32', shape: ['rows', vocabularySize] }],
    nodes: [
      {
        operator: 'SimplifiedLayerNormalization',
        inputs: ['hidden', 'norm'],
        outputs: ['normal'],
        floats: { epsilon: config.normEpsilon },
      },
      {
        operator: 'FusedMatMul',
        isContributed: true,
        inputs: ['normal', 'head'],
        outputs: ['logits'],
        ints: { transB: 1 },
      },
    ],
  };
}
