import { ReservationSizes } from './reservation-sizes.ts';

/**
 * Arrivals per second, estimated from the arrivals themselves: each counts exp(-age / window), so
 * that old ones fade. O(1) per arrival.
 */
export class ArrivalRate {
  /** What those that arrived reserve. */
  readonly sizes = new ReservationSizes();
  readonly #windowMs: number;
  #weight = 0;
  #lastMs: number | undefined;
  #startedMs: number | undefined;

  /** @param windowMs time constant of forgetting, > 0 */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** @param tokens prompt and longest output, >= 1 */
  arrived(nowMs: number, tokens = 1): void {
    this.sizes.asked(tokens);
    this.#startedMs ??= nowMs;
    this.#weight = this.#weightAt(nowMs) + 1;
    this.#lastMs = nowMs;
  }

  /** Arrivals per second; 0 before the first. */
  perSecond(nowMs: number): number {
    if (this.#startedMs === undefined) return 0;
    // Before a whole window has passed, divide by the part of it that was really observed, but by at
    // least a tenth of it: a first burst of requests is not yet a rate.
    const observed = Math.max(0.1, 1 - Math.exp(-(nowMs - this.#startedMs) / this.#windowMs));
    return this.#weightAt(nowMs) / (observed * (this.#windowMs / 1000));
  }

  #weightAt(nowMs: number): number {
    return this.#lastMs === undefined ? 0 : this.#weight * Math.exp(-(nowMs - this.#lastMs) / this.#windowMs);
  }
}
