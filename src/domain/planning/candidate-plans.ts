import type { BaselinePlacement, GreedyPlacement } from '../model/plan.ts';
import { placeBaseline } from './baselines/place-baseline.ts';
import { placeGreedily, reservedBlockCounts } from './gbp-cr.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { stopFor } from './reservation-runs.ts';
import { composePlan } from './reservation-search.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';

/** A way to place a swarm in one go, given a reservation. */
export type SinglePlacement = GreedyPlacement | BaselinePlacement;

/** What placements are asked to serve. */
export interface CandidateInput {
  readonly swarm: IndexedSwarm;
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  /** Tried in this order, which decides ties. */
  readonly policies: readonly SinglePlacement[];
  /** c, where it is given. */
  readonly reservedSlots: number | undefined;
}

/**
 * The plan of one placement with one reservation; undefined when infeasible.
 * @param reservedSlots undefined leaves it to a baseline, and is 1 for GBP-CR
 */
export function planCandidate(
  input: CandidateInput,
  policy: SinglePlacement,
  reservedSlots: number | undefined,
): ReservedPlan | undefined {
  const { swarm, arrivalRatePerSecond, maxLoad } = input;
  if (policy === 'gbp-cr' || policy === 'gbp-cr-fill') {
    const c = reservedSlots ?? 1;
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, c));
    const demand = { arrivalRatePerSecond, maxLoad, placementPolicy: policy };
    return composePlan(swarm, sequence, c, stopFor(sequence, demand, c));
  }
  const baseline = placeBaseline(policy, swarm, arrivalRatePerSecond, reservedSlots);
  return composePlacement(swarm, baseline.placement, baseline.reservedSlots);
}

/** Whether the reservation changes what a placement makes of a swarm. */
export function usesReservation(policy: SinglePlacement): boolean {
  return policy !== 'petals' && policy !== 'jffc-only';
}
