import { invariant } from '../../domain/shared/invariant.ts';
import type { HistoryMemory } from '../ports/chain-transport.ts';

/** Bytes that all sessions together may use to keep what their hops were fed. */
export class HistoryBudget implements HistoryMemory {
  readonly limitBytes: number;
  #usedBytes = 0;

  /** @param limitBytes >= 0; with 0 every recovery replays the whole chain from the tokens */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    invariant(bytes <= this.#usedBytes, 'no more memory is given back than was taken');
    this.#usedBytes -= bytes;
  }
}
