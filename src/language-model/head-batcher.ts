import type { InferenceSession } from 'onnxruntime-node';
import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import { invariant } from '../domain/shared/invariant.ts';
import { buildHeadGraph } from './head-graph.ts';
import { floatMatrix, quantizedMatrix } from './runtime/graph-matrix.ts';
import { createOnnxSession, floatTensor, type TensorMap } from './runtime/onnx-session.ts';
import { type SampleRequest, sampleToken, type TokenChoice } from './sample-token.ts';
import type { ModelConfig } from './weights/model-config.ts';
import { quantizeMatrix } from './weights/quantize-matrix.ts';
import { HEAD_TENSOR } from './weights/tensor-names.ts';

/** Rows of one product: bounds the logits in memory, and from here on more rows are no faster per row. */
const MAX_BATCH_ROWS = 32;

/** Whose head it is, and in which format its matrix is held. */
export interface HeadModel {
  readonly id: string;
  readonly config: ModelConfig;
  readonly dtype: WeightsDtype;
}

interface WaitingRow {
  readonly hidden: Float32Array;
  readonly sample: SampleRequest;
  readonly resolve: (choice: TokenChoice) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs the head over all rows that wait, together: the head matrix is read once for all of them. */
export class HeadBatcher {
  readonly #config: ModelConfig;
  readonly #session: InferenceSession;
  readonly #parameters: TensorMap;
  readonly #waiting: WaitingRow[] = [];
  #isRunning = false;

  private constructor(config: ModelConfig, session: InferenceSession, parameters: TensorMap) {
    this.#config = config;
    this.#session = session;
    this.#parameters = parameters;
  }

  /**
   * @param norm float32[hiddenSize]   @param head float32[vocabularySize, hiddenSize]; in int8 a copy is made
   * @throws DispatcherError DSP_BAD_WEIGHTS
   */
  static async create(model: HeadModel, norm: Float32Array, head: Float32Array, threads: number): Promise<HeadBatcher> {
    const { id, config, dtype } = model;
    const shape = [config.vocabularySize, config.hiddenSize];
    const matrix =
      dtype === 'int8'
        ? quantizedMatrix('head', shape, quantizeMatrix(head, { model: id, tensor: HEAD_TENSOR }))
        : floatMatrix('head', shape);
    const session = await createOnnxSession(buildHeadGraph(config, matrix), threads);
    return new HeadBatcher(config, session, {
      norm: floatTensor(norm, [config.hiddenSize]),
      ...(dtype === 'int8' ? {} : { head: floatTensor(head, shape) }),
    });
  }

  /** @param hidden float32[hiddenSize] */
  next(hidden: Float32Array, sample: SampleRequest): Promise<TokenChoice> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ hidden, sample, resolve, reject });
      if (!this.#isRunning) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH_ROWS);
      try {
        await this.#runBatch(batch);
      } catch (error) {
        for (const row of batch) row.reject(error);
      }
    }
    this.#isRunning = false;
  }

  async #runBatch(batch: readonly WaitingRow[]): Promise<void> {
    const { hiddenSize, vocabularySize } = this.#config;
    const rows = new Float32Array(batch.length * hiddenSize);
    for (const [i, row] of batch.entries()) rows.set(row.hidden, i * hiddenSize);
    const hidden = floatTensor(rows, [batch.length, hiddenSize]);
    const { logits } = await this.#session.run({ ...this.#parameters, hidden });
    invariant(logits !== undefined, 'the head graph gives logits');
    const values = logits.data as Float32Array;
    for (const [i, row] of batch.entries()) {
      try {
        row.resolve(sampleToken(values.subarray(i * vocabularySize, (i + 1) * vocabularySize), row.sample));
      } catch (error) {
        row.reject(error);
      }
    }
  }
}
