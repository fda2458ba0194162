import type { Chain } from '../../domain/model/chain.ts';
import type { ChainSession, HopTiming } from '../ports/chain-transport.ts';
import type { ServedHop } from './chain-access.ts';

/**
 * What the hops of a session took for generated tokens alone: one step each, and none waits behind
 * another of the same request, as the pieces of a prompt do. So they tell how fast a server is.
 */
export class DecodeTimes {
  readonly #session: Pick<ChainSession, 'hopTimings'>;
  readonly #before: readonly HopTiming[];

  /** To be made when the prompt has been processed. */
  constructor(session: Pick<ChainSession, 'hopTimings'>) {
    this.#session = session;
    this.#before = session.hopTimings();
  }

  /** The steps since. Empty where hops were replaced meanwhile. */
  hops(chain: Chain): readonly ServedHop[] {
    const after = this.#session.hopTimings();
    if (after.length !== this.#before.length || after.length !== chain.hops.length) return [];
    return chain.hops.flatMap(({ serverId, blockCount }, index): ServedHop[] => {
      const from = this.#before[index];
      const to = after[index];
      if (from === undefined || to === undefined || from.serverId !== serverId || to.serverId !== serverId) return [];
      return [
        {
          serverId,
          blockCount,
          steps: to.steps - from.steps,
          roundTripSeconds: to.roundTripSeconds - from.roundTripSeconds,
          aheadSeconds: (to.aheadSeconds ?? 0) - (from.aheadSeconds ?? 0),
        },
      ];
    });
  }
}
