import type { ChainDemand, ComputedChain } from './compute-demand.ts';

/** What the servers' compute allows of some chains. */
export interface ComputeLimits {
  /** Jobs per second on each chain at most, in the order given. */
  readonly ratesPerSecond: readonly number[];
  /** Their sum. */
  readonly serviceRatePerSecond: number;
  /** Slots that raise the throughput, by chain; 0 where the servers are taken up by the chains before. */
  readonly slots: readonly number[];
  /** Share of its time that each server works when all of that is used, by server id. */
  readonly utilisation: ReadonlyMap<string, number>;
}

/** A share of a slot that is rounding, not a job. */
const ROUNDING = 1e-9;

/**
 * Gives the servers' compute to the chains, fastest first, as GCA gives their memory: a chain serves no
 * more than its slots do, and no more than keeps each of its servers busy for `maxUtilisation` of the time
 * together with the chains before it. Slots beyond that raise no throughput: their jobs only wait for each
 * other inside the chain, where they could have taken another one.
 * @param demands of the chains   @param maxUtilisation > 0, shares of a server's time; infinite: memory alone counts
 * O(hops)
 */
export function limitByCompute(
  chains: readonly ComputedChain[],
  demands: readonly ChainDemand[],
  maxUtilisation: number,
): ComputeLimits {
  const utilisation = new Map<string, number>();
  const ratesPerSecond: number[] = [];
  const slots = chains.map((chain, k) => {
    const { hops, aloneSeconds } = demands[k] as ChainDemand;
    let rate = chain.slots / aloneSeconds;
    for (const { serverId, exclusiveSeconds } of hops) {
      const left = Math.max(0, maxUtilisation - (utilisation.get(serverId) ?? 0));
      if (exclusiveSeconds > 0) rate = Math.min(rate, left / exclusiveSeconds);
    }
    ratesPerSecond.push(rate);
    for (const { serverId, exclusiveSeconds } of hops) {
      utilisation.set(serverId, (utilisation.get(serverId) ?? 0) + rate * exclusiveSeconds);
    }
    return Math.min(chain.slots, Math.ceil(rate * aloneSeconds - ROUNDING));
  });
  return {
    ratesPerSecond,
    serviceRatePerSecond: ratesPerSecond.reduce((sum, rate) => sum + rate, 0),
    slots,
    utilisation,
  };
}
