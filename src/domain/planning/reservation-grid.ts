import type { CandidateInput, SinglePlacement } from './candidate-plans.ts';
import { planCandidate, usesReservation } from './candidate-plans.ts';
import type { PlanJudge } from './plan-judge.ts';
import { largestReservation } from './reservation-runs.ts';
import type { ReservedPlan } from './reserved-plan.ts';

/** A plan and what the judge thinks of it. */
export interface JudgedPlan {
  readonly plan: ReservedPlan;
  /** Infinite when unstable. */
  readonly value: number;
  /** Values asked of the judge on the way. */
  readonly judged: number;
  /** Plans that may be as good within what an estimate strays: the best of each placement. */
  readonly rivals: readonly ReservedPlan[];
}

/** Share of the values that goes into the grid; the rest looks between its best point and that one's neighbours. */
const GRID_SHARE = 0.7;

/**
 * The best plan over policies and reservations where no bound tells which are worth a look: first c on
 * a geometric grid, then what lies between the best c and its neighbours on the grid.
 * @param budget values to ask of the judge, about
 */
export function searchOnGrid(input: CandidateInput, judge: PlanJudge, budget: number): JudgedPlan | undefined {
  const { policies, reservedSlots } = input;
  const varied = policies.filter(usesReservation).length;
  const perPolicy = Math.max(2, Math.floor((GRID_SHARE * budget) / Math.max(1, varied)));
  const grid = geometricGrid(Math.max(1, largestReservation(input.swarm)), perPolicy);
  let best: (Pick<JudgedPlan, 'plan' | 'value'> & { policy: SinglePlacement; at: number }) | undefined;
  let judged = 0;
  const rivals = new Map<SinglePlacement, Pick<JudgedPlan, 'plan' | 'value'>>();
  const consider = (policy: SinglePlacement, c: number | undefined, at: number): void => {
    const plan = planCandidate(input, policy, c);
    if (plan === undefined) return;
    judged += 1;
    const value = judge.value(plan.chains) ?? Number.POSITIVE_INFINITY;
    if (value < (rivals.get(policy)?.value ?? Number.POSITIVE_INFINITY)) rivals.set(policy, { plan, value });
    if (best === undefined || value < best.value) best = { plan, value, policy, at };
  };
  for (const policy of policies) {
    if (reservedSlots !== undefined || !usesReservation(policy)) consider(policy, reservedSlots, -1);
    else {
      grid.forEach((c, at) => {
        consider(policy, c, at);
      });
    }
  }
  if (best !== undefined && best.at >= 0) {
    const { policy, at } = best;
    const from = (grid[at - 1] ?? 0) + 1;
    const to = (grid[at + 1] ?? (grid[at] ?? 0) + 1) - 1;
    for (const c of evenly(from, to, Math.max(0, budget - judged))) if (c !== grid[at]) consider(policy, c, at);
  }
  return best && { plan: best.plan, value: best.value, judged, rivals: [...rivals.values()].map(({ plan }) => plan) };
}

/** Distinct integers from 1 to `last`, about `points` of them, with a steady ratio where they are not neighbours. */
export function geometricGrid(last: number, points: number): number[] {
  const grid = new Set<number>();
  for (let i = 0; i < points; i += 1) grid.add(Math.round(last ** (points === 1 ? 0 : i / (points - 1))));
  return [...grid];
}

/** At most `most` integers of [from, to], evenly spread. */
function evenly(from: number, to: number, most: number): number[] {
  const count = Math.min(most, to - from + 1);
  return Array.from({ length: Math.max(0, count) }, (_, i) => from + Math.floor((i * (to - from + 1)) / count));
}
