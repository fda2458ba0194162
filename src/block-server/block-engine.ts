import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { invariant } from '../domain/shared/invariant.ts';
import { createOnnxSession, floatTensor, intTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import type { ModelWeights } from '../language-model/weights/model-weights.ts';
import { computeRotaryTable } from '../language-model/weights/rotary-table.ts';
import { BLOCK_TENSORS, blockTensor } from '../language-model/weights/tensor-names.ts';
import { buildBlockGraph } from './block-graph.ts';

/** Dimension of a cache tensor that counts tokens. */
const TOKEN_AXIS = 2;

/** Keys and values of one session in one block: each float32[keyValueHeads, reserved, headDimension]. */
interface BlockCache {
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly feeds: TensorMap;
}

/** Keys and values of one session in each block of its span, and how many tokens they hold. */
export interface SpanCache {
  readonly firstBlock: number;
  readonly reservedTokens: number;
  readonly blocks: readonly BlockCache[];
  tokens: number;
}

/** Computes blocks in this thread. Knows nothing of budgets: its caller keeps them. */
export class BlockEngine {
  readonly #weights: ModelWeights;
  readonly #session: InferenceSession;
  readonly #parameters = new Map<number, TensorMap>();
  readonly #tokenAxis: Tensor = intTensor(TOKEN_AXIS);
  #rotary: { readonly positions: number; readonly feeds: TensorMap } = { positions: 0, feeds: {} };

  private constructor(weights: ModelWeights, session: InferenceSession) {
    this.#weights = weights;
    this.#session = session;
  }

  static async create(weights: ModelWeights, threads: number): Promise<BlockEngine> {
    return new BlockEngine(weights, await createOnnxSession(buildBlockGraph(weights.config), threads));
  }

  get config(): ModelConfig {
    return this.#weights.config;
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS */
  async loadBlock(block: number): Promise<void> {
    if (this.#parameters.has(block)) return;
    const parameters: TensorMap = {};
    for (const tensor of BLOCK_TENSORS) {
      const { name, shape } = blockTensor(this.config, block, tensor);
      parameters[tensor] = floatTensor(await this.#weights.read(name, shape), shape);
    }
    this.#parameters.set(block, parameters);
  }

  /** Gives the memory back at once: the garbage collector may come long after the next block needs it. */
  unloadBlock(block: number): void {
    for (const tensor of Object.values(this.#parameters.get(block) ?? {})) free(tensor.data as Float32Array);
    this.#parameters.delete(block);
  }

  /** Gives the memory of a cache back at once. Nothing may run with it any more. */
  freeCache({ blocks }: SpanCache): void {
    for (const { keys, values } of blocks) {
      free(keys);
      free(values);
    }
  }

  /** Empty cache of `tokens` tokens in each block. The memory is taken up only as it is written. */
  allocateCache(firstBlock: number, blockCount: number, tokens: number): SpanCache {
    const { keyValueHeadCount, headDimension } = this.config;
    this.#extendRotary(tokens);
    const shape = [1, keyValueHeadCount, tokens, headDimension];
    const blocks = Array.from({ length: blockCount }, (): BlockCache => {
      const keys = new Float32Array(keyValueHeadCount * tokens * headDimension);
      const values = new Float32Array(keys.length);
      return { keys, values, feeds: { pastKeys: floatTensor(keys, shape), pastValues: floatTensor(values, shape) } };
    });
    return { firstBlock, reservedTokens: tokens, blocks, tokens: 0 };
  }

  /**
   * Runs hidden: float32[tokens, hiddenSize] through every block of the cache's span at the cache's next
   * positions, and adds the tokens to the cache. Gives float32[tokens, hiddenSize].
   */
  async run(cache: SpanCache, hidden: Float32Array, tokens: number): Promise<Float32Array> {
    const start = cache.tokens;
    const end = start + tokens;
    invariant(end <= cache.reservedTokens, 'a step stays within the reserved tokens');
    const shared: TensorMap = {
      ...this.#rotary.feeds,
      lastPosition: intTensor(end - 1),
      endPositionScalar: intTensor(end, []),
      startPosition: intTensor(start),
      endPosition: intTensor(end),
      tokenAxis: this.#tokenAxis,
    };
    let current = floatTensor(hidden, [1, tokens, this.config.hiddenSize]);
    for (const [i, block] of cache.blocks.entries()) {
      const parameters = this.#parameters.get(cache.firstBlock + i);
      invariant(parameters !== undefined, 'the blocks of an open session stay loaded');
      const output = await this.#session.run({ ...parameters, ...block.feeds, ...shared, hidden: current });
      const { result, newKeys, newValues } = output;
      invariant(
        result !== undefined && newKeys !== undefined && newValues !== undefined,
        'the graph has these outputs',
      );
      this.#append(block.keys, newKeys.data as Float32Array, cache.reservedTokens, start, tokens);
      this.#append(block.values, newValues.data as Float32Array, cache.reservedTokens, start, tokens);
      current = result;
    }
    cache.tokens = end;
    return current.data as Float32Array;
  }

  async close(): Promise<void> {
    this.#parameters.clear();
    await this.#session.release();
    await this.#weights.close();
  }

  /** Copies rows: float32[heads, tokens, dimension] to their positions in a cache of `reserved` tokens. */
  #append(cache: Float32Array, rows: Float32Array, reserved: number, start: number, tokens: number): void {
    const { keyValueHeadCount, headDimension } = this.config;
    const length = tokens * headDimension;
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      const row = rows.subarray(head * length, (head + 1) * length);
      cache.set(row, (head * reserved + start) * headDimension);
    }
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

/** Moving a buffer elsewhere with no length releases its memory without waiting for the garbage collector. */
function free(values: Float32Array): void {
  (values.buffer as ArrayBuffer).transfer(0);
}
