import type { Clock } from '../../application/ports/clock.ts';

/** The process's monotonic clock. */
export const REAL_TIME: Clock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.ceil(delayMs));
    return () => clearTimeout(timer);
  },
};

/**
 * One moveable deadline on one timer. Moving it costs a subtraction: the timer is left to fire at
 * the old time and then armed for what remains, so a session that answers thousands of steps in
 * time makes a handful of timers.
 */
export class Deadline {
  readonly #onExpire: () => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #firesMs = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  #cancelTimer: (() => void) | undefined;

  /** @param onExpire called once per deadline that passes */
  constructor(onExpire: () => void, clock: Clock = REAL_TIME) {
    this.#onExpire = onExpire;
    this.#clock = clock;
  }

  /** Replaces the deadline. @param delayMs from now, >= 0 */
  set(delayMs: number): void {
    this.#dueMs = this.#clock.nowMs() + delayMs;
    if (this.#cancelTimer === undefined || this.#dueMs < this.#firesMs) this.#arm(delayMs);
  }

  /** No deadline until the next `set`. */
  clear(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** Clears the deadline and releases the timer. */
  dispose(): void {
    this.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(delayMs: number): void {
    this.#cancelTimer?.();
    this.#firesMs = this.#clock.nowMs() + delayMs;
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#cancelTimer = undefined;
    if (this.#dueMs === Number.POSITIVE_INFINITY) return;
    const remainingMs = this.#dueMs - this.#clock.nowMs();
    if (remainingMs > 0) {
      this.#arm(remainingMs);
      return;
    }
    this.clear();
    this.#onExpire();
  }
}
