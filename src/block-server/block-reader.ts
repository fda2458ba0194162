import type { InferenceSession } from 'onnxruntime-node';
import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import { freeMemory } from '../language-model/runtime/free-memory.ts';
import { floatMatrix, type GraphMatrix, quantizedMatrix } from '../language-model/runtime/graph-matrix.ts';
import type { OnnxGraph } from '../language-model/runtime/onnx-graph.ts';
import { createOnnxSession, floatTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import type { ModelWeights } from '../language-model/weights/model-weights.ts';
import { quantizeMatrix } from '../language-model/weights/quantize-matrix.ts';
import { type BlockTensor, blockTensor, blockTensorShape } from '../language-model/weights/tensor-names.ts';
import {
  type BlockMatrix,
  buildOutputGraph,
  buildProjectionGraph,
  buildWholeGraph,
  OUTPUT_MATRICES,
  PROJECTION_MATRICES,
} from './block-graph.ts';

/** A graph and those of its inputs that are parameters of the block. */
export interface BlockPart {
  readonly session: InferenceSession;
  readonly parameters: TensorMap;
}

/** A block in memory. Attention, its second part, has no parameters. */
export interface LoadedBlock {
  readonly projection: BlockPart;
  readonly output: BlockPart;
  /** All parts in one, where that takes no more memory: faster for the tokens of one session. */
  readonly whole: BlockPart | undefined;
}

type PartName = 'projection' | 'output';
type SharedSessions = Readonly<Record<PartName | 'whole', InferenceSession>>;
type Matrices = Readonly<Record<BlockMatrix, GraphMatrix>>;

interface PartKind {
  readonly norm: BlockTensor;
  readonly matrices: readonly BlockMatrix[];
  readonly build: (config: ModelConfig, matrices: Matrices) => OnnxGraph;
}

const PARTS: Readonly<Record<PartName, PartKind>> = {
  projection: { norm: 'attentionNorm', matrices: PROJECTION_MATRICES, build: buildProjectionGraph },
  output: { norm: 'feedForwardNorm', matrices: OUTPUT_MATRICES, build: buildOutputGraph },
};

/**
 * Reads blocks out of a model's files.
 *
 * In float32 the matrices are inputs: the same compiled graphs serve every block, and nothing is kept twice (30 blocks
 * of 576 x 1536: as fast as constants for single tokens, at half the memory). In int8 they must be constants, so each
 * block has graphs of its own, and only those of the parts: the whole would hold them a second time.
 */
export class BlockReader {
  readonly #weights: ModelWeights;
  readonly #threads: number;
  /** Of all blocks, in float32. */
  readonly #shared: SharedSessions | undefined;

  private constructor(weights: ModelWeights, threads: number, shared: SharedSessions | undefined) {
    this.#weights = weights;
    this.#threads = threads;
    this.#shared = shared;
  }

  /** @param threads threads of one matrix product, >= 1 */
  static async create(weights: ModelWeights, dtype: WeightsDtype, threads: number): Promise<BlockReader> {
    if (dtype === 'int8') return new BlockReader(weights, threads, undefined);
    const { config } = weights;
    const compile = (names: readonly BlockMatrix[], build: PartKind['build']): Promise<InferenceSession> => {
      const matrices = names.map((name) => [name, floatMatrix(name, blockTensorShape(config, name))]);
      return createOnnxSession(build(config, Object.fromEntries(matrices) as Matrices), threads);
    };
    const shared = {
      projection: await compile(PROJECTION_MATRICES, buildProjectionGraph),
      output: await compile(OUTPUT_MATRICES, buildOutputGraph),
      whole: await compile([...PROJECTION_MATRICES, ...OUTPUT_MATRICES], buildWholeGraph),
    };
    return new BlockReader(weights, threads, shared);
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS */
  async read(block: number): Promise<LoadedBlock> {
    const projection = await this.#readPart(block, 'projection');
    const output = await this.#readPart(block, 'output');
    const session = this.#shared?.whole;
    const whole = session && { session, parameters: { ...projection.parameters, ...output.parameters } };
    return { projection, output, whole };
  }

  /** Gives the block's memory back at once. Nothing may run with it any more. */
  async free(block: LoadedBlock): Promise<void> {
    for (const { session, parameters } of [block.projection, block.output]) {
      for (const tensor of Object.values(parameters)) freeMemory(tensor.data as Float32Array);
      if (this.#shared === undefined) await session.release();
    }
  }

  async close(): Promise<void> {
    for (const session of Object.values(this.#shared ?? {})) await session.release();
  }

  async #readPart(block: number, kind: PartName): Promise<BlockPart> {
    const { norm, matrices, build } = PARTS[kind];
    const { id, config } = this.#weights;
    const parameters: TensorMap = { [norm]: floatTensor(await this.#readTensor(block, norm), [config.hiddenSize]) };
    const constants: [BlockMatrix, GraphMatrix][] = [];
    for (const name of matrices) {
      const { name: tensor, shape } = blockTensor(config, block, name);
      const values = await this.#readTensor(block, name);
      if (this.#shared === undefined) {
        constants.push([name, quantizedMatrix(name, shape, quantizeMatrix(values, { model: id, tensor }))]);
        freeMemory(values);
      } else parameters[name] = floatTensor(values, shape);
    }
    const session =
      this.#shared?.[kind] ??
      (await createOnnxSession(build(config, Object.fromEntries(constants) as Matrices), this.#threads));
    return { session, parameters };
  }

  #readTensor(block: number, tensor: BlockTensor): Promise<Float32Array> {
    const { name, shape } = blockTensor(this.#weights.config, block, tensor);
    return this.#weights.read(name, shape);
  }
}
