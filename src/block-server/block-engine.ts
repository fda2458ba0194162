import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { invariant } from '../domain/shared/invariant.ts';
import { createOnnxSession, floatTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import type { ModelWeights } from '../language-model/weights/model-weights.ts';
import { computeRotaryTable } from '../language-model/weights/rotary-table.ts';
import { buildAttentionGraph } from './block-graph.ts';
import { type BlockPart, BlockReader, type LoadedBlock } from './block-reader.ts';
import { SpanCache } from './span-cache.ts';

/** The next tokens of one session. */
export interface EngineStep {
  readonly cache: SpanCache;
  /** float32[tokens, hiddenSize]. */
  readonly hidden: Float32Array;
  readonly tokens: number;
}

/** A step on its way through the blocks. */
interface Row {
  readonly step: EngineStep;
  readonly positions: TensorMap;
  current: Float32Array;
}

/** Computes blocks in this thread. Knows nothing of budgets: its caller keeps them. */
export class BlockEngine {
  readonly #weights: ModelWeights;
  readonly #reader: BlockReader;
  readonly #attention: InferenceSession;
  readonly #blocks = new Map<number, LoadedBlock>();
  #rotary: { readonly positions: number; readonly feeds: TensorMap } = { positions: 0, feeds: {} };

  private constructor(weights: ModelWeights, reader: BlockReader, attention: InferenceSession) {
    this.#weights = weights;
    this.#reader = reader;
    this.#attention = attention;
  }

  static async create(weights: ModelWeights, dtype: WeightsDtype, threads: number): Promise<BlockEngine> {
    const reader = await BlockReader.create(weights, dtype, threads);
    return new BlockEngine(weights, reader, await createOnnxSession(buildAttentionGraph(weights.config), threads));
  }

  get config(): ModelConfig {
    return this.#weights.config;
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS */
  async loadBlock(block: number): Promise<void> {
    if (!this.#blocks.has(block)) this.#blocks.set(block, await this.#reader.read(block));
  }

  async unloadBlock(block: number): Promise<void> {
    const loaded = this.#blocks.get(block);
    this.#blocks.delete(block);
    if (loaded !== undefined) await this.#reader.free(loaded);
  }

  /** Empty cache of `tokens` tokens in each block; its memory is taken as it fills. */
  allocateCache(firstBlock: number, blockCount: number, tokens: number): SpanCache {
    return new SpanCache(this.config, firstBlock, blockCount, tokens);
  }

  /**
   * Takes the memory that the next `tokens` tokens of a session need. `run` does so too.
   * @throws DispatcherError DSP_CACHE_FULL when the machine has less than was promised; the cache is then to be freed
   */
  makeRoom(cache: SpanCache, tokens: number): void {
    try {
      this.#extendRotary(cache.tokens + tokens);
      cache.makeRoom(tokens);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new DispatcherError('DSP_CACHE_FULL', 'the machine is out of memory for a cache', { cause });
    }
  }

  /**
   * Runs the steps of different sessions together, each through every block of its cache's span at the cache's
   * next positions, and adds their tokens to the caches. The parameters of a block are read once for all
   * steps that pass it, which is what a step of few tokens takes its time for.
   * @returns float32[tokens, hiddenSize] of each step
   */
  async run(steps: readonly EngineStep[]): Promise<Float32Array[]> {
    const rows = steps.map((step): Row => {
      this.makeRoom(step.cache, step.tokens);
      const positions = { ...this.#rotary.feeds, ...step.cache.positionFeeds(step.tokens) };
      return { step, positions, current: step.hidden };
    });
    const first = Math.min(...steps.map(({ cache }) => cache.firstBlock));
    const end = Math.max(...steps.map(({ cache }) => cache.endBlock));
    for (let block = first; block < end; block += 1) {
      const passing = rows.filter(({ step }) => step.cache.has(block));
      if (passing.length > 0) await this.#runBlock(block, passing);
    }
    for (const { cache, tokens } of steps) cache.advance(tokens);
    return rows.map(({ current }) => current);
  }

  async close(): Promise<void> {
    for (const block of [...this.#blocks.keys()]) await this.unloadBlock(block);
    await this.#reader.close();
    await this.#attention.release();
    await this.#weights.close();
  }

  async #runBlock(block: number, rows: readonly Row[]): Promise<void> {
    const loaded = this.#blocks.get(block);
    invariant(loaded !== undefined, 'the blocks of an open session stay loaded');
    const [only] = rows;
    if (loaded.whole !== undefined && rows.length === 1 && only !== undefined)
      await this.#runAlone(block, loaded.whole, only);
    else await this.#runTogether(block, loaded, rows);
  }

  async #runAlone(block: number, { session, parameters }: BlockPart, row: Row): Promise<void> {
    const { cache, tokens } = row.step;
    const hidden = rowsTensor(row.current, tokens);
    const output = await session.run({ ...parameters, ...cache.cacheFeeds(block), ...row.positions, hidden });
    cache.write(block, values(output, 'newKeys'), values(output, 'newValues'), tokens);
    row.current = values(output, 'result');
  }

  async #runTogether(block: number, { projection, output }: LoadedBlock, rows: readonly Row[]): Promise<void> {
    const tokens = rows.reduce((sum, { step }) => sum + step.tokens, 0);
    const hidden = rowsTensor(concatenate(rows.map(({ current }) => current)), tokens);
    const projected = await projection.session.run({ ...projection.parameters, hidden });
    const attended: Float32Array[] = [];
    let firstRow = 0;
    for (const row of rows) {
      attended.push(await this.#attend(block, row, projected, firstRow));
      firstRow += row.step.tokens;
    }
    const result = values(
      await output.session.run({ ...output.parameters, hidden, attended: rowsTensor(concatenate(attended), tokens) }),
      'result',
    );
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
    const output = await this.#attention.run({
      ...cache.cacheFeeds(block),
      ...row.positions,
      queries: part('queries'),
      keys: part('keys'),
      values: part('values'),
    });
    cache.write(block, values(output, 'newKeys'), values(output, 'newValues'), tokens);
    return values(output, 'attended');
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

function rowsTensor(rows: Float32Array, tokens: number): Tensor {
  return floatTensor(rows, [1, tokens, rows.length / tokens]);
}

function values(output: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  const tensor = output[name];
  invariant(tensor !== undefined, 'a graph gives the outputs that it names');
  return tensor.data as Float32Array;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
