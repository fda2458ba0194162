import type { TokenWorkload } from './service-times.ts';

/** The mean is over about this many of the latest requests: older ones fade. */
const MEMORY_REQUESTS = 200;

/** Mean lengths of prompts and outputs, estimated from the requests themselves with forgetting. O(1) per request. */
export class RequestSizes {
  #seen = 0;
  #inputTokens = 0;
  #outputTokens = 0;

  /** A request ended by itself. @param inputTokens >= 1   @param outputTokens >= 1 */
  served(inputTokens: number, outputTokens: number): void {
    this.#seen += 1;
    // The plain mean at first, so that the first request weighs no more than the second.
    const weight = 1 / Math.min(this.#seen, MEMORY_REQUESTS);
    this.#inputTokens += weight * (inputTokens - this.#inputTokens);
    this.#outputTokens += weight * (outputTokens - this.#outputTokens);
  }

  /** The means, each >= 1; undefined before `enough` requests were seen. */
  mean(enough: number): TokenWorkload | undefined {
    if (this.#seen < Math.max(1, enough)) return undefined;
    return { inputTokens: Math.max(1, this.#inputTokens), outputTokens: Math.max(1, this.#outputTokens) };
  }
}
