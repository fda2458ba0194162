import type { ComputedChain, ComputeSharing } from './compute-demand.ts';
import { createDemand } from './compute-demand.ts';
import type { ComputeLimits } from './compute-limits.ts';
import { limitByCompute } from './compute-limits.ts';
import type { SharedComputeOutlook } from './shared-compute-outlook.ts';
import { sharedComputeOutlook } from './shared-compute-outlook.ts';

/** What the planner asks about the servers' compute, at one arrival rate. */
export interface ComputeModel {
  /** See `limitByCompute`. */
  limits(chains: readonly ComputedChain[], maxUtilisation: number): ComputeLimits;
  /** See `sharedComputeOutlook`. */
  outlook(chains: readonly ComputedChain[]): SharedComputeOutlook;
}

/** @param arrivalRatePerSecond lambda > 0 */
export function createComputeModel(sharing: ComputeSharing, arrivalRatePerSecond: number): ComputeModel {
  const demand = createDemand(sharing);
  return {
    limits: (chains, maxUtilisation) => limitByCompute(chains, chains.map(demand), maxUtilisation),
    outlook: (chains) => sharedComputeOutlook(chains, chains.map(demand), arrivalRatePerSecond),
  };
}
