/** The estimates are over about this many of the latest requests: older ones fade. */
const MEMORY_REQUESTS = 200;
/** Deviations above the mean for which a slot has room. */
const DEVIATIONS = 0.5;

/**
 * What requests reserve of each block's cache, estimated from the requests themselves with forgetting: the size
 * of the slot that plans reckon with. Half a deviation above the mean: long requests hold their cache for longer,
 * so that by the mean alone a plan would promise room that they then hold. O(1) per request.
 */
export class ReservationSizes {
  #seen = 0;
  #mean = 0;
  #variance = 0;

  /** A request came. @param tokens prompt and longest output, >= 1 */
  asked(tokens: number): void {
    this.#seen += 1;
    // The plain mean at first, so that the first request weighs no more than the second.
    const weight = 1 / Math.min(this.#seen, MEMORY_REQUESTS);
    const difference = tokens - this.#mean;
    this.#mean += weight * difference;
    this.#variance = (1 - weight) * (this.#variance + weight * difference * difference);
  }

  /** Tokens of the slot to plan with, integer >= 1; undefined before `enough` requests came. */
  slotTokens(enough: number): number | undefined {
    if (this.#seen < Math.max(1, enough)) return undefined;
    return Math.max(1, Math.ceil(this.#mean + DEVIATIONS * Math.sqrt(this.#variance)));
  }
}
