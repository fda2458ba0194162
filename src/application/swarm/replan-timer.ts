import type { StaleReason } from '../../domain/membership/membership-effects.ts';
import type { Clock } from '../ports/clock.ts';

/** A stream of changes is planned for after this many quiet times at the latest. */
const PATIENCE = 10;

/**
 * Waits for a quiet time after a change, so that servers which join together are planned for
 * together. The reason reported is that of the first change.
 */
export class ReplanTimer {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #onDue: (reason: StaleReason) => void;
  #first: { readonly reason: StaleReason; readonly sinceMs: number } | undefined;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(clock: Clock, quietMs: number, onDue: (reason: StaleReason) => void) {
    this.#clock = clock;
    this.#quietMs = quietMs;
    this.#onDue = onDue;
  }

  get isPending(): boolean {
    return this.#first !== undefined;
  }

  mark(reason: StaleReason): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    this.#first ??= { reason, sinceMs: nowMs };
    const latestMs = this.#first.sinceMs + PATIENCE * this.#quietMs;
    this.#cancel?.();
    this.#cancel = this.#clock.setTimer(Math.max(0, Math.min(this.#quietMs, latestMs - nowMs)), () => {
      const due = this.#first?.reason ?? reason;
      this.#first = undefined;
      this.#cancel = undefined;
      this.#onDue(due);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#first = undefined;
    this.#cancel?.();
  }
}
