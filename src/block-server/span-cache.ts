import { invariant } from '../domain/shared/invariant.ts';
import { freeMemory } from '../language-model/runtime/free-memory.ts';
import { floatTensor, intTensor, type TensorMap } from '../language-model/runtime/onnx-session.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';

/** Dimension of a cache tensor that counts tokens. */
const TOKEN_AXIS = intTensor(2);

/** Room comes in steps of this many tokens, and of an eighth of those that are there. */
const STEP_TOKENS = 64;
const STEP_SHARE = 1 / 8;

/** Keys and values of one block: each float32[keyValueHeads, room, headDimension]. */
interface BlockCache {
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly feeds: TensorMap;
}

/**
 * Keys and values of one session in each block of its span. It grows with the tokens in it, up to those reserved:
 * attention copies the whole of it for every token, so room that is not used yet would cost time.
 */
export class SpanCache {
  readonly firstBlock: number;
  readonly endBlock: number;
  readonly reservedTokens: number;
  readonly #config: ModelConfig;
  readonly #blocks: BlockCache[];
  #tokens = 0;
  /** Tokens that the arrays have room for. */
  #room = 0;

  constructor(config: ModelConfig, firstBlock: number, blockCount: number, reservedTokens: number) {
    this.firstBlock = firstBlock;
    this.endBlock = firstBlock + blockCount;
    this.reservedTokens = reservedTokens;
    this.#config = config;
    this.#blocks = Array.from({ length: blockCount }, () => this.#emptyBlock(0));
  }

  /** Tokens in the cache. */
  get tokens(): number {
    return this.#tokens;
  }

  has(block: number): boolean {
    return block >= this.firstBlock && block < this.endBlock;
  }

  /**
   * Makes room for the next `tokens` tokens, which the reservation must hold.
   * @throws RangeError when the machine is out of memory; the cache is then good for nothing but `free`
   */
  makeRoom(tokens: number): void {
    const needed = this.#tokens + tokens;
    invariant(needed <= this.reservedTokens, 'steps stay within the reserved tokens');
    if (needed <= this.#room) return;
    const steps = Math.ceil((needed + needed * STEP_SHARE) / STEP_TOKENS);
    const room = Math.min(this.reservedTokens, steps * STEP_TOKENS);
    for (const [i, old] of this.#blocks.entries()) {
      const grown = this.#emptyBlock(room);
      this.#copyRows(old, this.#room, grown, room);
      this.#blocks[i] = grown;
      freeBlock(old);
    }
    this.#room = room;
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
      const at = (head * this.#room + this.#tokens) * headDimension;
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
    for (const block of this.#blocks) freeBlock(block);
  }

  #emptyBlock(room: number): BlockCache {
    const { keyValueHeadCount, headDimension } = this.#config;
    const shape = [1, keyValueHeadCount, room, headDimension];
    const keys = new Float32Array(keyValueHeadCount * room * headDimension);
    const values = new Float32Array(keys.length);
    return { keys, values, feeds: { pastKeys: floatTensor(keys, shape), pastValues: floatTensor(values, shape) } };
  }

  #copyRows(from: BlockCache, fromRoom: number, to: BlockCache, toRoom: number): void {
    const { keyValueHeadCount, headDimension } = this.#config;
    const length = this.#tokens * headDimension;
    for (let head = 0; head < keyValueHeadCount; head += 1) {
      const start = head * fromRoom * headDimension;
      to.keys.set(from.keys.subarray(start, start + length), head * toRoom * headDimension);
      to.values.set(from.values.subarray(start, start + length), head * toRoom * headDimension);
    }
  }
}

function freeBlock({ keys, values }: BlockCache): void {
  freeMemory(keys);
  freeMemory(values);
}
