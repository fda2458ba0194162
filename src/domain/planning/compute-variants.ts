import type { ComputedChain } from './compute-demand.ts';
import type { ComputeModel } from './compute-model.ts';
import type { IndexedChain, IndexedSwarm } from './indexed-swarm.ts';
import type { ReservedPlan } from './reserved-plan.ts';

/** Chains as the models of compute read them. */
export function computedChains(swarm: IndexedSwarm, chains: readonly IndexedChain[]): ComputedChain[] {
  return chains.map(({ servers, blockCounts, slots, serviceSeconds }) => ({
    hops: servers.map((server, h) => ({
      serverId: swarm.serverIds[server] ?? '',
      blockCount: blockCounts[h] ?? 0,
    })),
    slots,
    serviceSeconds,
  }));
}

/**
 * A plan with the slots that its servers' compute has a use for: up to the largest load wanted, up to where
 * throughput no longer grows, and all that memory has room for, which is the plan itself. Fewer slots
 * send jobs to servers with nothing to do; more serve more at the same time, where there are no such servers.
 * @returns from few slots to many, as many plans for every plan; one alone where servers do not share compute
 */
export function computeVariants(
  swarm: IndexedSwarm,
  plan: ReservedPlan,
  compute: ComputeModel | undefined,
  maxLoad: number,
): readonly ReservedPlan[] {
  if (compute === undefined) return [plan];
  const named = computedChains(swarm, plan.chains);
  const limited = [maxLoad, 1].map((maxUtilisation) => {
    const { slots } = compute.limits(named, maxUtilisation);
    const chains = plan.chains.map((chain, k) => ({ ...chain, slots: slots[k] ?? 0 }));
    return { ...plan, chains: chains.filter((chain) => chain.slots > 0) };
  });
  return [...limited, plan];
}
