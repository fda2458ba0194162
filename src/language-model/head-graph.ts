import type { GraphMatrix } from './runtime/graph-matrix.ts';
import type { OnnxGraph } from './runtime/onnx-graph.ts';
import type { ModelConfig } from './weights/model-config.ts';

/** Final norm and head: hidden float32[rows, hiddenSize] to logits float32[rows, vocabularySize]. */
export function buildHeadGraph(config: ModelConfig, head: GraphMatrix): OnnxGraph {
  const { hiddenSize, vocabularySize } = config;
  return {
    name: 'head',
    inputs: [
      { name: 'hidden', type: 'float32', shape: ['rows', hiddenSize] },
      { name: 'norm', type: 'float32', shape: [hiddenSize] },
      ...head.inputs,
    ],
    outputs: [{ name: 'logits', type: 'float32', shape: ['rows', vocabularySize] }],
    nodes: [
      {
        operator: 'SimplifiedLayerNormalization',
        inputs: ['hidden', 'norm'],
        outputs: ['normal'],
        floats: { epsilon: config.normEpsilon },
      },
      head.product('normal', 'logits'),
    ],
    constants: head.constants,
  };
}
