import { ContentionFit } from './contention-fit.ts';

/** How much the steps of sessions wait for each other at each server (beta), as measured. O(1) per request and server. */
export class ServerSlopes {
  readonly #capacity: number;
  /** In the order of their latest measurement. */
  readonly #fits = new Map<string, ContentionFit>();

  /** @param capacity servers remembered at most */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * One request's generated tokens at a server: see `ContentionFit`.
   * @param declaredSlope what is believed of a server that was not measured yet, [0, 1]
   */
  measured(
    serverId: string,
    seconds: number,
    expected: { readonly aloneSeconds: number; readonly aheadSeconds: number },
    declaredSlope: number,
  ): void {
    const fit = this.#fits.get(serverId) ?? new ContentionFit({ slope: declaredSlope });
    fit.observe(seconds, expected.aloneSeconds, expected.aheadSeconds);
    this.#fits.delete(serverId);
    this.#fits.set(serverId, fit);
    const [oldest] = this.#fits.keys();
    if (this.#fits.size > this.#capacity && oldest !== undefined) this.#fits.delete(oldest);
  }

  /** beta, [0, 1]; undefined: the server was not measured. */
  slopeOf(serverId: string): number | undefined {
    return this.#fits.get(serverId)?.slope;
  }
}
