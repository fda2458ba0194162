import { GROUP_VALUES, type QuantizedMatrix } from '../weights/quantize-matrix.ts';
import type { OnnxConstant, OnnxNode, OnnxValue } from './onnx-graph.ts';

/** A matrix [outputs, inputs], as the files keep it, in a graph that multiplies by it: no transposed copy is needed. */
export interface GraphMatrix {
  /** What the caller feeds. */
  readonly inputs: readonly OnnxValue[];
  /** What is part of the graph. */
  readonly constants: readonly OnnxConstant[];
  /** [..., inputs] to [..., outputs]. */
  product(input: string, output: string): OnnxNode;
}

/** In float32, fed with every run: the graph serves all matrices of that shape, and nothing is kept twice. */
export function floatMatrix(name: string, shape: readonly number[]): GraphMatrix {
  return {
    inputs: [{ name, type: 'float32', shape }],
    constants: [],
    product: (input, output) => ({
      operator: 'FusedMatMul',
      isContributed: true,
      inputs: [input, name],
      outputs: [output],
      ints: { transB: 1 },
    }),
  };
}

/**
 * In 8 bits, and part of the graph, because onnxruntime then brings it into the order that its kernels read; fed,
 * it takes 20 times as long. The input is rounded to 8 bits as well, each row in groups (`accuracy_level` 4): the
 * products of whole numbers are what makes it fast.
 */
export function quantizedMatrix(name: string, shape: readonly number[], matrix: QuantizedMatrix): GraphMatrix {
  const [outputs = 0, inputs = 0] = shape;
  const groups = inputs / GROUP_VALUES;
  const codes = `${name}Codes`;
  const scales = `${name}Scales`;
  return {
    inputs: [],
    constants: [
      { name: codes, shape: [outputs, groups, GROUP_VALUES], values: matrix.codes },
      { name: scales, shape: [outputs * groups], values: matrix.scales },
    ],
    product: (input, output) => ({
      operator: 'MatMulNBits',
      isContributed: true,
      inputs: [input, codes, scales],
      outputs: [output],
      ints: { N: outputs, K: inputs, bits: 8, block_size: GROUP_VALUES, accuracy_level: 4 },
    }),
  };
}
