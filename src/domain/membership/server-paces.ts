/** How much the newest request weighs, once there were enough. */
const NEWEST_WEIGHT = 0.1;

/** Fewer requests than this tell nothing yet. */
const ENOUGH_REQUESTS = 5;

/** One request counts for at most this factor, either way: a stall is no speed. */
const LARGEST_RATIO = 16;

/** A server that is not measured is forgiven half (of the logarithm) in this time, ms: it deserves another look. */
const HALF_LIFE_MS = 600_000;

interface PaceEstimate {
  readonly logPace: number;
  readonly requests: number;
  readonly measuredMs: number;
}

/**
 * How fast servers are against what was expected of them: for each the geometric mean of measured over
 * expected times, with forgetting. 1 is as expected, 2 twice as slow. A server that nobody uses any
 * more, because it was slow, is slowly taken for a normal one again. O(1) per request and server.
 */
export class ServerPaces {
  readonly #capacity: number;
  /** In the order of their latest measurement. */
  readonly #estimates = new Map<string, PaceEstimate>();

  /** @param capacity servers remembered at most; they are remembered when they leave, since slow ones come back slow */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** One request spent so many seconds at the server. Both > 0; anything else tells nothing. */
  measured(serverId: string, seconds: number, expectedSeconds: number, nowMs: number): void {
    if (!(seconds > 0 && expectedSeconds > 0)) return;
    const limit = Math.log(LARGEST_RATIO);
    const logRatio = Math.max(-limit, Math.min(limit, Math.log(seconds / expectedSeconds)));
    const before = this.#estimates.get(serverId) ?? { logPace: 0, requests: 0, measuredMs: nowMs };
    const requests = before.requests + 1;
    const weight = Math.max(NEWEST_WEIGHT, 1 / requests);
    const known = this.#logPace(before, nowMs);
    this.#estimates.delete(serverId);
    this.#estimates.set(serverId, { logPace: known + weight * (logRatio - known), requests, measuredMs: nowMs });
    const [oldest] = this.#estimates.keys();
    if (this.#estimates.size > this.#capacity && oldest !== undefined) this.#estimates.delete(oldest);
  }

  /** Measured over expected, > 0; 1 while too little is known. */
  paceOf(serverId: string, nowMs: number): number {
    const estimate = this.#estimates.get(serverId);
    if (estimate === undefined || estimate.requests < ENOUGH_REQUESTS) return 1;
    return Math.exp(this.#logPace(estimate, nowMs));
  }

  #logPace({ logPace, measuredMs }: PaceEstimate, nowMs: number): number {
    return logPace * 0.5 ** (Math.max(0, nowMs - measuredMs) / HALF_LIFE_MS);
  }
}
