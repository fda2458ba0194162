import type { GreedySequence } from './gbp-cr.ts';
import { chainsForRate, placeGreedily, reservedBlockCounts, stopAfterChains } from './gbp-cr.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import type { PlanningDemand } from './reservation-runs.ts';
import { stopFor, visitReservations } from './reservation-runs.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';
import { computeResponseBound, serviceRate } from './response-time-bounds.ts';

/** Objectives that follow from the plan alone, without a prediction. */
export type AnalyticObjective = 'lower' | 'upper' | 'surrogate';

export type SearchResult =
  | { readonly kind: 'best'; readonly plan: ReservedPlan; readonly value: number }
  /** Blocks can be placed, but no c meets the objective's condition: the plan with the largest service rate. */
  | { readonly kind: 'fastest'; readonly plan: ReservedPlan }
  | { readonly kind: 'infeasible' };

/** The plan for one given c; undefined when it leaves a block without a server, or no room for a single job. */
export function planForReservation(
  swarm: IndexedSwarm,
  demand: PlanningDemand,
  reservedSlots: number,
): ReservedPlan | undefined {
  const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, reservedSlots));
  return composePlan(swarm, sequence, reservedSlots, stopFor(sequence, demand, reservedSlots));
}

/**
 * Tries every c in [1, c_max] and keeps the one with the smallest objective (ties: the smallest c).
 * - `lower`, `upper`: the bound of the mean response time on the composed chains; unstable c are out.
 * - `surrogate`: c * K(c), over the c whose closed chains meet the rate target.
 *
 * A c whose fastest chain alone is slower than the best bound so far cannot win and is left early.
 */
export function searchReservation(
  swarm: IndexedSwarm,
  demand: PlanningDemand,
  objective: AnalyticObjective,
): SearchResult {
  const search = new BestPlan(swarm, demand, objective);
  const usesStop = demand.placementPolicy === 'gbp-cr' || objective === 'surrogate';
  visitReservations(swarm, demand, usesStop, (sequence, reservedSlots, closedChains) => {
    search.consider(sequence, reservedSlots, closedChains);
  });
  return search.result();
}

class BestPlan {
  readonly #swarm: IndexedSwarm;
  readonly #demand: PlanningDemand;
  readonly #objective: AnalyticObjective;
  #best: { readonly plan: ReservedPlan; readonly value: number } | undefined;
  #fastest: { readonly plan: ReservedPlan; readonly rate: number } | undefined;

  constructor(swarm: IndexedSwarm, demand: PlanningDemand, objective: AnalyticObjective) {
    this.#swarm = swarm;
    this.#demand = demand;
    this.#objective = objective;
  }

  consider(sequence: GreedySequence, reservedSlots: number, closedChains: number | undefined): void {
    if (this.#objective === 'surrogate') this.#considerSurrogate(sequence, reservedSlots, closedChains);
    else this.#considerBound(this.#objective, sequence, reservedSlots, closedChains);
  }

  result(): SearchResult {
    if (this.#best !== undefined) return { kind: 'best', ...this.#best };
    if (this.#fastest !== undefined) return { kind: 'fastest', plan: this.#fastest.plan };
    return { kind: 'infeasible' };
  }

  #considerBound(
    bound: 'lower' | 'upper',
    sequence: GreedySequence,
    reservedSlots: number,
    closedChains: number | undefined,
  ): void {
    const incumbent = this.#best?.value ?? Number.POSITIVE_INFINITY;
    const plan = composePlan(this.#swarm, sequence, reservedSlots, closedChains, incumbent);
    if (plan === undefined) return;
    const value = computeResponseBound(bound, plan.chains, this.#demand.arrivalRatePerSecond);
    if (value === undefined) this.#keepFastest(plan);
    else if (value < incumbent) this.#best = { plan, value };
  }

  #considerSurrogate(sequence: GreedySequence, reservedSlots: number, closedChains: number | undefined): void {
    const incumbent = this.#best?.value ?? Number.POSITIVE_INFINITY;
    const { arrivalRatePerSecond, maxLoad } = this.#demand;
    const chainsNeeded = chainsForRate(sequence, arrivalRatePerSecond, maxLoad, reservedSlots);
    const value = chainsNeeded === undefined ? Number.POSITIVE_INFINITY : reservedSlots * chainsNeeded;
    if (value >= incumbent && this.#best !== undefined) return;
    const plan = composePlan(this.#swarm, sequence, reservedSlots, closedChains);
    if (plan === undefined) return;
    if (chainsNeeded === undefined) this.#keepFastest(plan);
    else this.#best = { plan, value };
  }

  #keepFastest(plan: ReservedPlan): void {
    if (this.#best !== undefined) return;
    const rate = serviceRate(plan.chains);
    if (rate > (this.#fastest?.rate ?? 0)) this.#fastest = { plan, rate };
  }
}

/** The plan of one visited reservation. */
export function composePlan(
  swarm: IndexedSwarm,
  sequence: GreedySequence,
  reservedSlots: number,
  closedChains: number | undefined,
  giveUpAtSeconds = Number.POSITIVE_INFINITY,
): ReservedPlan | undefined {
  return composePlacement(swarm, stopAfterChains(sequence, swarm, closedChains), reservedSlots, giveUpAtSeconds);
}
