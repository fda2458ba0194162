import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { invariant } from '../domain/shared/invariant.ts';
import { createOnnxSession, floatTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import type { ModelWeights } from '../language-model/weights/model-weights.ts';
import { computeRotaryTable } from '../language-model/weights/rotary-table.ts';
import { BLOCK_TENSORS, type BlockTensor, blockTensor } from '../language-model/weights/tensor-names.ts';
import { type BlockGraphs, buildBlockGraphs, OUTPUT_TENSORS, PROJECTION_TENSORS } from './block-graph.ts';
import { freeMemory, SpanCache } from './span-cache.ts';

/** The next tokens of one session. */
export interface EngineStep {
  readonly cache: SpanCache;
  /** float32[tokens, hiddenSize]. */
  readonly hidden: Float32Array;
  readonly tokens: number;
}

type Parameters = Readonly<Record<BlockTensor, Tensor>>;
type Sessions = Readonly<Record<keyof BlockGraphs, InferenceSession>>;

/** A step on its way through the blocks. */
interface Row {
  readonly step: EngineStep;
  readonly positions: TensorMap;
  current: Float32Array;
}

/** Computes blocks in this thread. Knows nothing of budgets: its caller keeps them. */
export class BlockEngine {
  readonly #weights: ModelWeights;
  readonly #sessions: Sessions;
  readonly #parameters = new Map<number, Parameters>();
  #rotary: { readonly positions: number; readonly feeds: TensorMap } = { positions: 0, feeds: {} };

  private constructor(weights: ModelWeights, sessions: Sessions) {
    this.#weights = weights;
    this.#sessions = sessions;
  }

  static async create(weights: ModelWeights, threads: number): Promise<BlockEngine> {
    const graphs = buildBlockGraphs(weights.config);
    return new BlockEngine(weights, {
      whole: await createOnnxSession(graphs.whole, threads),
      projection: await createOnnxSession(graphs.projection, threads),
      attention: await createOnnxSession(graphs.attention, threads),
      output: await createOnnxSession(graphs.output, threads),
    });
  }

  get config(): ModelConfig {
    return this.#weights.config;
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS */
  async loadBlock(block: number): Promise<void> {
    if (this.#parameters.has(block)) return;
    const parameters: Partial<Record<BlockTensor, Tensor>> = {};
    for (const tensor of BLOCK_TENSORS) {
      const { name, shape } = blockTensor(this.config, block, tensor);
      parameters[tensor] = floatTensor(await this.#weights.read(name, shape), shape);
    }
    this.#parameters.set(block, parameters as Parameters);
  }

  unloadBlock(block: number): void {
    for (const tensor of Object.values(this.#parameters.get(block) ?? {})) freeMemory(tensor.data as Float32Array);
    this.#parameters.delete(block);
  }

  /** Empty cache of `tokens` tokens in each block. */
  allocateCache(firstBlock: number, blockCount: number, tokens: number): SpanCache {
    this.#extendRotary(tokens);
    return new SpanCache(this.config, firstBlock, blockCount, tokens);
  }

  /**
   * Runs the steps of different sessions together, each through every block of its cache's span at the cache's
   * next positions, and adds their tokens to the caches. The parameters of a block are read once for all
   * steps that pass it, which is what a step of few tokens takes its time for.
   * @returns float32[tokens, hiddenSize] of each step
   */
  async run(steps: readonly EngineStep[]): Promise<Float32Array[]> {
    const rows = steps.map((step): Row => {
      invariant(step.cache.tokens + step.tokens <= step.cache.reservedTokens, 'steps stay within the reserved tokens');
      const positions = { ...this.#rotary.feeds, ...step.cache.positionFeeds(step.tokens) };
      return { step, positions, current: step.hidden };
    });
    const first = Math.min(...steps.map(({ cache }) => cache.firstBlock));
    const end = Math.max(...steps.map(({ cache }) => cache.endBlock));
    for (let block = first; block < end; block += 1) {
      const passing = rows.filter(({ step }) => step.cache.has(block));
      const [only] = passing;
      if (passing.length > 1) await this.#runTogether(block, passing);
      else if (only !== undefined) await this.#runAlone(block, only);
    }
    for (const { cache, tokens } of steps) cache.advance(tokens);
    return rows.map(({ current }) => current);
  }

  async close(): Promise<void> {
    this.#parameters.clear();
    for (const session of Object.values(this.#sessions)) await session.release();
    await this.#weights.close();
  }

  async #runAlone(block: number, row: Row): Promise<void> {
    const { cache, tokens } = row.step;
    const hidden = this.#rowsTensor(row.current, tokens);
    const feeds = { ...this.#parametersOf(block), ...cache.cacheFeeds(block), ...row.positions, hidden };
    const output = await this.#sessions.whole.run(feeds);
    cache.write(block, values(output, 'newKeys'), values(output, 'newValues'), tokens);
    row.current = values(output, 'result');
  }

  async #runTogether(block: number, rows: readonly Row[]): Promise<void> {
    const parameters = this.#parametersOf(block);
    const tokens = rows.reduce((sum, { step }) => sum + step.tokens, 0);
    const hidden = this.#rowsTensor(concatenate(rows.map(({ current }) => current)), tokens);
    const projected = await this.#sessions.projection.run({ ...pick(parameters, PROJECTION_TENSORS), hidden });
    const attended: Float32Array[] = [];
    let firstRow = 0;
    for (const row of rows) {
      attended.push(await this.#attend(block, row, projected, firstRow));
      firstRow += row.step.tokens;
    }
    const output = await this.#sessions.output.run({
      ...pick(parameters, OUTPUT_TENSORS),
      hidden,
      attended: this.#rowsTensor(concatenate(attended), tokens),
    });
    const result = values(output, 'result');
    let at = 0;
    for (const row of rows) {
      row.current = result.subarray(at, at + row.step.tokens * this.config.hiddenSize);
      at += row.current.length;
    }
  }

  /** Attention of one session, whose rows begin at `firstRow` of the projected ones. */
  async #attend(block: number, row: Row, projected: TensorMap, firstRow: number): Promise<Float32Array> {
    const { cache, tokens } = row.step;
    const part = (name: string): Tensor => {
      const tensor = projected[name];
      invariant(tensor !== undefined, 'the projection gives queries, keys and values');
      const width = tensor.dims[2] ?? 0;
      const own = (tensor.data as Float32Array).subarray(firstRow * width, (firstRow + tokens) * width);
      return floatTensor(own, [1, tokens, width]);
    };
    const output = await this.#sessions.attention.run({
      ...cache.cacheFeeds(block),
      ...row.positions,
      queries: part('queries'),
      keys: part('keys'),
      values: part('values'),
    });
    cache.write(block, values(output, 'newKeys'), values(output, 'newValues'), tokens);
    return values(output, 'attended');
  }

  #parametersOf(block: number): Parameters {
    const parameters = this.#parameters.get(block);
    invariant(parameters !== undefined, 'the blocks of an open session stay loaded');
    return parameters;
  }

  #rowsTensor(rows: Float32Array, tokens: number): Tensor {
    return floatTensor(rows, [1, tokens, rows.length / tokens]);
  }

  /** The table covers the longest session so far: for a context of millions it would be larger than the blocks. */
  #extendRotary(tokens: number): void {
    if (tokens <= this.#rotary.positions) return;
    const positions = Math.min(this.config.contextTokens, 2 ** Math.ceil(Math.log2(tokens)));
    const table = computeRotaryTable(this.config, positions);
    const shape = [positions, this.config.headDimension / 2];
    this.#rotary = {
      positions,
      feeds: { cosines: floatTensor(table.cosines, shape), sines: floatTensor(table.sines, shape) },
    };
  }
}

function pick(parameters: Parameters, tensors: readonly BlockTensor[]): TensorMap {
  return Object.fromEntries(tensors.map((tensor) => [tensor, parameters[tensor]]));
}

function values(output: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  const tensor = output[name];
  invariant(tensor !== undefined, 'a graph gives the outputs that it names');
  return tensor.data as Float32Array;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
