import type { FeasiblePlan, PlanningResult } from '../model/plan.ts';
import { makePlan, type PlanningSnapshot } from './make-plan.ts';

/** How much above the smallest bound a plan's bound may lie and count as equally fast. */
const TOLERANCE = 0.02;

/** Larger reservations looked at, one after another from the best one. */
const MAX_TRIALS = 16;

/**
 * The plan of the best reservation, or one that reserves more at practically the same bound. The bound
 * is often flat in c: at low load the smallest reservation wins by a hair, which leaves a live swarm
 * next to no room for the requests that come together all the same. Searched plans only; one whose
 * reservation was given, or whose objective is another, stays as it is. O(16 plans)
 */
export function makeRoomiestPlan(snapshot: PlanningSnapshot): PlanningResult {
  const best = makePlan(snapshot);
  const isSearched = best.kind === 'feasible' && snapshot.reservedSlots === undefined && snapshot.objective === 'lower';
  if (!isSearched || best.responseSeconds === undefined) return best;
  const limit = best.responseSeconds.lower * (1 + TOLERANCE);
  let roomiest: FeasiblePlan = best;
  for (let trial = 1; trial <= MAX_TRIALS; trial += 1) {
    const plan = makePlan({ ...snapshot, reservedSlots: best.reservedSlots + trial });
    if (plan.kind === 'infeasible') break;
    if ((plan.responseSeconds?.lower ?? Number.POSITIVE_INFINITY) > limit) continue;
    if (plan.totalSlots > roomiest.totalSlots) roomiest = { ...plan, objective: best.objective };
  }
  return roomiest;
}
