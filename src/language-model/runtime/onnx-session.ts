import { InferenceSession, Tensor } from 'onnxruntime-node';
import { freeMemory } from './free-memory.ts';
import { encodeOnnxModel, type OnnxGraph } from './onnx-graph.ts';

export type TensorMap = Record<string, Tensor>;

/** Errors only: onnxruntime writes warnings about optimisations to the terminal otherwise. */
const LOG_ERRORS = 3;

/**
 * A graph ready to run on the CPU. `run` blocks the thread while it computes, so it belongs in a worker. The memory of
 * the graph's constants is given back, since onnxruntime has its own copy of them.
 * @param threads threads of one matrix product, >= 1
 */
export async function createOnnxSession(graph: OnnxGraph, threads: number): Promise<InferenceSession> {
  const model = encodeOnnxModel(graph);
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: LOG_ERRORS,
    // The kernels see other lengths at every token, which a fixed memory pattern would not fit.
    enableMemPattern: false,
    // Each session has threads of its own, and those of a session that just ran would spin against those of the next.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
  // A small model is a piece of a buffer that Node shares out.
  if (model.byteLength === model.buffer.byteLength) freeMemory(model);
  for (const { values } of graph.constants ?? []) freeMemory(values);
  return session;
}

export function floatTensor(values: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor('float32', values, shape);
}

/** int32[1], or a scalar for an empty shape. */
export function intTensor(value: number, shape: readonly [] | readonly [1] = [1]): Tensor {
  return new Tensor('int32', Int32Array.of(value), shape);
}
