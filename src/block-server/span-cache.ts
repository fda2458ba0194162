import { floatTensor, intTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';

/** Dimension of a cache tensor that counts tokens. */
const TOKEN_AXIS = intTensor(2);

/** Keys and values of one block: each float32[keyValueHeads, reserved, headDimension]. */
interface BlockCache {
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly feeds: TensorMap;
}

/** Keys and values of one session in each block of its span. The memory is taken up only as it is written. */
export class SpanCache {
  readonly firstBlock: number;
  readonly endBlock: number;
  readonly reservedTokens: number;
  readonly #config: ModelConfig;
  readonly #blocks: readonly BlockCache[];
  #tokens = 0;

  constructor(config: ModelConfig, firstBlock: number, blockCount: number, reservedTokens: number) {
    this.firstBlock = firstBlock;
    this.endBlock = firstBlock + blockCount;
    this.reservedTokens = reservedTokens;
    this.#config = config;
    const { keyValueHeadCount, headDimension } = config;
    const shape = [1, keyValueHeadCount, reservedTokens, headDimension];
    this.#blocks = Array.from({ length: blockCount }, (): BlockCache => {
      const keys = new Float32Array(keyValueHeadCount * reservedTokens * headDimension);
      const values = new Float32Array(keys.length);
      return { keys, values, feeds: { pastKeys: floatTensor(keys, shape), pastValues: floatTensor(values, shape) } };
    });
  }

  /** Tokens in the cache. */
  get tokens(): number {
    return this.#tokens;
  }

  has(block: number): boolean {
    return block >= this.firstBlock && block < this.endBlock;
  }

  /** Inputs of attention, the same in every block, for the next `tokens` tokens. */
  positionFeeds(tokens: number): TensorMap {
    const end = this.#tokens + tokens;
    return {
      lastPosition: intTensor(end - 1),
      endPositionScalar: intTensor(end, []),
      startPosition: intTensor(this.#tokens),
      endPosition: intTensor(end),
      tokenAxis: TOKEN_AXIS,
    };
  }

  /** Inputs of attention in one block. */
  cacheFeeds(block: number): TensorMap {
    return this.#blocks[block - this.firstBlock]?.feeds ?? {};
  }

  /** Writes the rows of the next `tokens` tokens in one block: each float32[keyValueHeads, tokens, headDimension]. */
  write(block: number, newKeys: Float32Array, newValues: Float32Array, tokens: number): void {
    const cache = this.#blocks[block - this.firstBlock];
    if (cache === undefined) return;
    const { keyValueHeadCount, headDimension } = this.#config;
    const length = tokens * headDimension;
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      const at = (head * this.reservedTokens + this.#tokens) * headDimension;
      cache.keys.set(newKeys.subarray(head * length, (head + 1) * length), at);
      cache.values.set(newValues.subarray(head * length, (head + 1) * length), at);
    }
  }

  /** Counts tokens whose rows every block has. */
  advance(tokens: number): void {
    this.#tokens += tokens;
  }

  /** Gives the memory back. Nothing may run with it any more. */
  free(): void {
    for (const { keys, values } of this.#blocks) {
      freeMemory(keys);
      freeMemory(values);
    }
  }
}

/**
 * Releases the memory of an array at once, by moving it to a buffer of no length: the garbage collector may
 * come long after the next block or session needs it.
 */
export function freeMemory(values: Float32Array): void {
  (values.buffer as ArrayBuffer).transfer(0);
}
