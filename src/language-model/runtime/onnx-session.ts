import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeOnnxModel, type OnnxGraph } from './onnx-graph.ts';

export type TensorMap = Record<string, Tensor>;

/** Errors only: onnxruntime writes warnings about optimisations to the terminal otherwise. */
const LOG_ERRORS = 3;

/**
 * A graph ready to run on the CPU. `run` blocks the thread while it computes, so it belongs in a worker.
 * @param threads threads of one matrix product, >= 1
 */
export async function createOnnxSession(graph: OnnxGraph, threads: number): Promise<InferenceSession> {
  return await InferenceSession.create(encodeOnnxModel(graph), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: LOG_ERRORS,
    // The kernels see other lengths at every token, which a fixed memory pattern would not fit.
    enableMemPattern: false,
  });
}

export function floatTensor(values: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor('float32', values, shape);
}

/** int32[1], or a scalar for an empty shape. */
export function intTensor(value: number, shape: readonly [] | readonly [1] = [1]): Tensor {
  return new Tensor('int32', Int32Array.of(value), shape);
}
