import type { Chain } from './chain.ts';
import type { Placement } from './placement.ts';

/** Algorithm 1 with its stop at the rate target, or without it. */
export type GreedyPlacement = 'gbp-cr' | 'gbp-cr-fill';
/** What we compare with: each chooses its own reservation. */
export type BaselinePlacement = 'cg-bp' | 'petals' | 'jffc-only';
/** `best` tries all of them and improves on the best. */
export type PlacementPolicy = GreedyPlacement | BaselinePlacement | 'best';
export type PlanningObjective = 'lower' | 'upper' | 'surrogate' | 'predicted';

/** The mean response time of JFFC on a plan's chains, seconds. */
export interface ResponseBounds {
  readonly lower: number;
  readonly upper: number;
  /** By the service model that the plan was made with; absent where nothing predicted it. */
  readonly predicted?: number;
}

/** Every block can be placed. Whether the arrival rate can be served is said by `responseSeconds`. */
export interface FeasiblePlan {
  readonly kind: 'feasible';
  readonly placementPolicy: PlacementPolicy;
  /** Undefined when nothing was searched: the reserved slots were given, or a baseline chose them. */
  readonly objective: PlanningObjective | undefined;
  /** c: jobs per disjoint chain that the placement leaves room for. */
  readonly reservedSlots: number;
  readonly placement: Placement;
  /** Ascending by service time. */
  readonly chains: readonly Chain[];
  /** C: sum of the chains' slots. */
  readonly totalSlots: number;
  /** nu: sum of slots / service time, 1/s. */
  readonly serviceRatePerSecond: number;
  /** Undefined when unstable: arrival rate >= service rate. `reason` then says so. */
  readonly responseSeconds: ResponseBounds | undefined;
  /** Share of its time that each server works at the arrival rate, by server id; where sessions share compute. Above 1: more than it can. */
  readonly utilisation?: ReadonlyMap<string, number>;
  readonly reason: string | undefined;
  /** Of a search that judged whole plans: how many, and whether time ended it early. */
  readonly search?: { readonly evaluations: number; readonly isCutShort: boolean };
}

/** Not every block can be placed. */
export interface InfeasiblePlan {
  readonly kind: 'infeasible';
  readonly reason: string;
}

export type PlanningResult = FeasiblePlan | InfeasiblePlan;
