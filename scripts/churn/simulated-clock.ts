import type { Clock } from '../../src/application/ports/clock.ts';
import { type HeapItem, MinHeap } from '../../src/domain/shared/min-heap.ts';

interface Timer extends HeapItem {
  readonly callback: () => void;
}

/** Time that jumps from timer to timer. Timers of one moment fire in the order in which they were set. */
export class SimulatedClock implements Clock {
  readonly #timers = new MinHeap<Timer>();
  #nowMs = 0;
  #sequence = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { key: this.#nowMs + delayMs, sequence: this.#sequence, heapPosition: -1, callback };
    this.#sequence += 1;
    this.#timers.push(timer);
    return () => this.#timers.remove(timer);
  }

  runUntil(endMs: number): void {
    for (;;) {
      const next = this.#timers.peek();
      if (next === undefined || next.key > endMs) break;
      this.#timers.pop();
      this.#nowMs = next.key;
      next.callback();
    }
    this.#nowMs = endMs;
  }
}
