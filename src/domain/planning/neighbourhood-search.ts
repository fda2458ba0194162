import type { Rng } from '../shared/rng.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';
import { drawMove } from './placement-moves.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';

/** How plans are compared on the way. */
export interface Improvement {
  /** Seconds; undefined when the plan is not wanted. May answer any value not below `uselessFromSeconds` for one this slow. */
  value(plan: ReservedPlan, uselessFromSeconds: number): number | undefined;
  /** No value lies below the fastest chain's service time. */
  readonly respectsServiceTime: boolean;
  /** Plans to look at, >= 0. */
  readonly budget: number;
  /** Whether to end early. */
  isSpent(): boolean;
  /** Worse plans are accepted at first when they are worse by about this share; 0: never. */
  readonly looseness: number;
}

/** Servers that change together at most: one grows where others shrink. */
const MOVED_TOGETHER = 3;
/** The looseness at the end over that at the beginning. */
const COOLING = 1e-3;
/** A plan as good as the present one is accepted. */
const JUST_ABOVE = 1 + 1e-12;
/** Looseness away from the present value, everything is refused. */
const HOPELESS = 8;

/**
 * Improves a placement by changes of one to three servers. A change that makes the plan no worse is
 * accepted (some help only once another has come); one that makes it worse by the chance that
 * simulated annealing gives it, which falls with how much worse and how late. The moves come from
 * `rng`, so the same stream gives the same plan.
 * @returns the best plan on the way; the start where nothing was better
 */
export function improvePlacement(
  swarm: IndexedSwarm,
  start: ReservedPlan,
  improvement: Improvement,
  rng: Rng,
): ReservedPlan {
  let best = start;
  let bestValue = improvement.value(start, Number.POSITIVE_INFINITY) ?? Number.POSITIVE_INFINITY;
  let present = best;
  let presentValue = bestValue;
  for (let tried = 0; tried < improvement.budget && !improvement.isSpent(); tried += 1) {
    const looseness = improvement.looseness * COOLING ** (tried / improvement.budget) * presentValue;
    const placement = drawMoves(swarm, present.placement, 1 + (tried % MOVED_TOGETHER), rng);
    if (placement === undefined) continue;
    const uselessFrom = Number.isFinite(presentValue) ? presentValue * JUST_ABOVE + HOPELESS * looseness : presentValue;
    const giveUpAt = improvement.respectsServiceTime ? uselessFrom : undefined;
    const plan = composePlacement(swarm, placement, start.reservedSlots, giveUpAt);
    if (plan === undefined) continue;
    const value = improvement.value(plan, uselessFrom);
    if (value === undefined || value >= uselessFrom) continue;
    if (value > presentValue && rng.next() >= Math.exp((presentValue - value) / looseness)) continue;
    present = plan;
    presentValue = value;
    if (value > bestValue) continue;
    best = plan;
    bestValue = value;
  }
  return best;
}

function drawMoves(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  moves: number,
  rng: Rng,
): IndexedPlacement | undefined {
  let moved: IndexedPlacement | undefined;
  for (let i = 0; i < moves; i += 1) moved = drawMove(swarm, moved ?? placement, rng) ?? moved;
  return moved;
}
