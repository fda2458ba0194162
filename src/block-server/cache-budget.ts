import { DispatcherError } from '../domain/shared/errors.ts';
import { invariant } from '../domain/shared/invariant.ts';

/**
 * Accounts for the memory of a block server: blocks in memory plus reserved caches never exceed
 * `memoryBytes` (INV-7), and new reservations never exceed the cache that the plan granted.
 */
export class CacheBudget {
  readonly memoryBytes: number;
  readonly #blockBytes: number;
  #cacheBytes = 0;
  #reservedBytes = 0;
  #blocks = 0;

  constructor(memoryBytes: number, blockBytes: number) {
    this.memoryBytes = memoryBytes;
    this.#blockBytes = blockBytes;
  }

  /** Bytes granted to caches by the latest plan. Reservations made under an older, larger grant stay. */
  grant(cacheBytes: number): void {
    this.#cacheBytes = cacheBytes;
  }

  /** Bytes that a new session could reserve now. */
  get freeBytes(): number {
    const unreserved = this.#cacheBytes - this.#reservedBytes;
    return Math.max(0, Math.min(unreserved, this.memoryBytes - this.usedBytes));
  }

  /** Blocks in memory plus reserved caches, bytes. */
  get usedBytes(): number {
    return this.#blocks * this.#blockBytes + this.#reservedBytes;
  }

  /** @throws DispatcherError DSP_CACHE_FULL */
  reserve(bytes: number): void {
    if (bytes > this.freeBytes) {
      throw new DispatcherError('DSP_CACHE_FULL', `${bytes} bytes of cache are needed and ${this.freeBytes} are free`);
    }
    this.#reservedBytes += bytes;
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
    invariant(this.#reservedBytes >= 0, 'no more cache is released than was reserved');
  }

  /** Takes the memory of one more block, if there is room. */
  tryAddBlock(): boolean {
    if (this.usedBytes + this.#blockBytes > this.memoryBytes) return false;
    this.#blocks += 1;
    return true;
  }

  removeBlock(): void {
    this.#blocks -= 1;
    invariant(this.#blocks >= 0, 'no more blocks are removed than were added');
  }
}
