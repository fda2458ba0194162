/**
 * One moveable deadline on one timer. Moving it costs a subtraction: the timer is left to fire at
 * the old time and then armed for what remains, so a session that answers thousands of steps in
 * time makes a handful of timers.
 */
export class Deadline {
  readonly #onExpire: () => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #firesMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param onExpire called once per deadline that passes */
  constructor(onExpire: () => void) {
    this.#onExpire = onExpire;
  }

  /** Replaces the deadline. @param delayMs from now, >= 0 */
  set(delayMs: number): void {
    this.#dueMs = performance.now() + delayMs;
    if (this.#timer === undefined || this.#dueMs < this.#firesMs) this.#arm(delayMs);
  }

  /** No deadline until the next `set`. */
  clear(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** Clears the deadline and releases the timer. */
  dispose(): void {
    this.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#firesMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.#fire(), Math.ceil(delayMs));
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#dueMs === Number.POSITIVE_INFINITY) return;
    const remainingMs = this.#dueMs - performance.now();
    if (remainingMs > 0) {
      this.#arm(remainingMs);
      return;
    }
    this.clear();
    this.#onExpire();
  }
}
