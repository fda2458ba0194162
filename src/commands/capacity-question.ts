import type { SwarmFile } from '../config/swarm-file.ts';
import type { CapacityQuestion } from '../domain/planning/capacity-plan.ts';
import type { PlanningSnapshot } from '../domain/planning/make-plan.ts';
import { UsageError } from './command-io.ts';

/** The flags that ask what servers are worth their money. */
export interface CapacityFlags {
  readonly minimise: 'response' | 'cost';
  readonly responseTarget?: number;
  readonly reservedSlots?: number;
}

/**
 * What `plan --minimise cost` asks.
 * @throws UsageError where the flags or the file leave the question open
 */
export function capacityQuestion(
  swarm: SwarmFile,
  flags: CapacityFlags,
  snapshot: PlanningSnapshot,
  name: string,
): CapacityQuestion {
  if (flags.minimise === 'response') {
    throw new UsageError('--response-target goes with --minimise cost: without it the fastest plan is made');
  }
  if (flags.responseTarget === undefined) {
    throw new UsageError('--minimise cost needs --response-target SECONDS: the cheapest plan that fast is made');
  }
  const priceless = swarm.servers.findIndex(({ id }) => !swarm.costPerHour.has(id));
  if (priceless >= 0) {
    throw new UsageError(
      `${name}: servers[${priceless}].cost_per_hour: missing; --minimise cost needs it of every server (0 for your own)`,
    );
  }
  return { snapshot, costPerHour: swarm.costPerHour, responseTargetSeconds: flags.responseTarget };
}
