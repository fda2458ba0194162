import type { GreedyPlacement, PlanningObjective } from '../model/plan.ts';
import type { GreedySequence } from './gbp-cr.ts';
import { chainsForRate, placeGreedily, reservedBlockCounts, stopAfterChains, uncoveredBlocks } from './gbp-cr.ts';
import { composeChains } from './gca.ts';
import type { IndexedChain, IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';
import { MAX_JOBS_PER_SERVER } from './indexed-swarm.ts';
import { computeResponseBound, serviceRate } from './response-time-bounds.ts';

/** What the plan is for: lambda (1/s), rho-bar in (0, 1], and how servers are placed. */
export interface PlanningDemand {
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  readonly placementPolicy: GreedyPlacement;
}

/** A placement with its chains for one reserved concurrency c. */
export interface ReservedPlan {
  readonly reservedSlots: number;
  readonly placement: IndexedPlacement;
  /** Ascending by service time; at least one. */
  readonly chains: readonly IndexedChain[];
}

export type SearchResult =
  | { readonly kind: 'best'; readonly plan: ReservedPlan; readonly value: number }
  /** Blocks can be placed, but no c meets the objective's condition: the plan with the largest service rate. */
  | { readonly kind: 'fastest'; readonly plan: ReservedPlan }
  | { readonly kind: 'infeasible' };

/**
 * c_max = floor((max_j M_j - s_m) / s_c) over the servers that are free to be placed, within
 * [0, MAX_JOBS_PER_SERVER].   O(J)
 */
export function largestReservation(swarm: IndexedSwarm): number {
  let largest = 0;
  swarm.memoryBytes.forEach((memory, j) => {
    if (!swarm.pinned.has(j)) largest = Math.max(largest, memory);
  });
  const slots = Math.floor((largest - swarm.blockBytes) / swarm.cacheBytesPerBlock);
  return Math.min(Math.max(0, slots), MAX_JOBS_PER_SERVER);
}

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
 * Neighbouring c often give every server the same number of blocks: such a run is laid out once, and
 * within it only the c where Algorithm 1 stops after another number of chains are looked at. A c
 * whose fastest chain alone is slower than the best bound so far cannot win and is left early.
 */
export function searchReservation(
  swarm: IndexedSwarm,
  demand: PlanningDemand,
  objective: PlanningObjective,
): SearchResult {
  const largest = Math.max(1, largestReservation(swarm));
  const search = new BestPlan(swarm, demand, objective);
  const isStopIrrelevant = demand.placementPolicy === 'gbp-cr-fill' && objective !== 'surrogate';
  for (let c = 1; c <= largest; ) {
    const blockCounts = reservedBlockCounts(swarm, c);
    const sequence = placeGreedily(swarm, blockCounts);
    const lastOfRun = Math.min(largest, lastReservationWith(swarm, blockCounts, c));
    for (let within = c; within <= lastOfRun; ) {
      search.consider(sequence, within, stopFor(sequence, demand, within));
      within = isStopIrrelevant ? lastOfRun + 1 : nextReservationWithOtherStop(sequence, demand, within, lastOfRun);
    }
    c = lastOfRun + 1;
  }
  return search.result();
}

class BestPlan {
  readonly #swarm: IndexedSwarm;
  readonly #demand: PlanningDemand;
  readonly #objective: PlanningObjective;
  #best: { readonly plan: ReservedPlan; readonly value: number } | undefined;
  #fastest: { readonly plan: ReservedPlan; readonly rate: number } | undefined;

  constructor(swarm: IndexedSwarm, demand: PlanningDemand, objective: PlanningObjective) {
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

/** Closed chains after which the placement stops; undefined places every server. */
function stopFor(sequence: GreedySequence, demand: PlanningDemand, reservedSlots: number): number | undefined {
  if (demand.placementPolicy === 'gbp-cr-fill') return undefined;
  return chainsForRate(sequence, demand.arrivalRatePerSecond, demand.maxLoad, reservedSlots);
}

function composePlan(
  swarm: IndexedSwarm,
  sequence: GreedySequence,
  reservedSlots: number,
  closedChains: number | undefined,
  giveUpAtSeconds = Number.POSITIVE_INFINITY,
): ReservedPlan | undefined {
  return composePlacement(swarm, stopAfterChains(sequence, swarm, closedChains), reservedSlots, giveUpAtSeconds);
}

/**
 * The chains of a placement; undefined when a block has no server, no chain has room for a single job,
 * or the fastest chain takes `giveUpAtSeconds` or more.
 */
export function composePlacement(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  reservedSlots: number,
  giveUpAtSeconds = Number.POSITIVE_INFINITY,
): ReservedPlan | undefined {
  if (uncoveredBlocks(placement, swarm.blockCount) > 0) return undefined;
  const chains = composeChains(swarm, placement, { giveUpAtSeconds });
  return chains === undefined || chains.length === 0 ? undefined : { reservedSlots, placement, chains };
}

/** The largest c for which every server hosts as many blocks as it does for `reservedSlots`. */
function lastReservationWith(swarm: IndexedSwarm, blockCounts: Int32Array, reservedSlots: number): number {
  let last = MAX_JOBS_PER_SERVER;
  blockCounts.forEach((count, j) => {
    // A server with too little memory for one block stays without blocks for every larger c.
    if (count === 0 || swarm.pinned.has(j)) return;
    const left = (swarm.memoryBytes[j] ?? 0) - count * swarm.blockBytes;
    last = Math.min(last, Math.floor(left / (count * swarm.cacheBytesPerBlock)));
  });
  return Math.max(last, reservedSlots);
}

/**
 * The next c of a run for which the rate target is met by fewer chains; beyond the run when there is
 * none. In between, the placement is the same and the surrogate only grows.
 */
function nextReservationWithOtherStop(
  sequence: GreedySequence,
  demand: PlanningDemand,
  reservedSlots: number,
  lastOfRun: number,
): number {
  const { arrivalRatePerSecond, maxLoad } = demand;
  const meets = (c: number): number | undefined => chainsForRate(sequence, arrivalRatePerSecond, maxLoad, c);
  const now = meets(reservedSlots);
  const fewer = now === undefined ? sequence.closings.length : now - 1;
  const rate = sequence.closings[fewer - 1]?.rateOfOneSlot;
  if (rate === undefined) return lastOfRun + 1;
  let c = Math.max(reservedSlots + 1, Math.floor(arrivalRatePerSecond / (maxLoad * rate)));
  while (c <= lastOfRun && meets(c) === now) c += 1;
  return c;
}
