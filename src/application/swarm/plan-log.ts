import type { Demand } from '../../domain/planning/demand-drift.ts';
import type { PlanState, SwarmDependencies } from './swarm-parts.ts';

/** One log line for one look at the plan: what came of it, and why. */
export function logPlan(
  log: SwarmDependencies['log'],
  { epoch, result, decision, source }: PlanState,
  look: { readonly cause: string; readonly isNew: boolean; readonly servers: number; readonly demand: Demand },
): void {
  const { cause, servers, demand } = look;
  if (result?.kind !== 'feasible') {
    log('no feasible plan: servers keep what they host', { cause, reason: result?.reason, servers });
    return;
  }
  const { reservedSlots, totalSlots, chains, reason } = result;
  const { arrivalRatePerSecond, workload } = demand;
  log(look.isNew ? 'plan made' : 'plan kept', {
    cause,
    epoch,
    servers,
    decision,
    source: look.isNew ? source : undefined,
    reservedSlots,
    chains: chains.length,
    totalSlots,
    arrivalRatePerSecond,
    workload,
    reason,
  });
}
