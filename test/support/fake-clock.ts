import type { Clock } from '../../src/application/ports/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** Time that moves only when told to. Timers fire in the order of their time, then of their making. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, callback };
    this.#sequence += 1;
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, or undefined. */
  get nextTimerMs(): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#timers) if (next === undefined || atMs < next) next = atMs;
    return next;
  }

  /** Moves on by `ms`, firing every timer that comes due on the way. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.atMs <= endMs);
      due.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence);
      const [next] = due;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }
}
