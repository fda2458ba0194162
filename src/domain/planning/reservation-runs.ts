import type { GreedyPlacement } from '../model/plan.ts';
import type { GreedySequence } from './gbp-cr.ts';
import { chainsForRate, placeGreedily, reservedBlockCounts } from './gbp-cr.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { MAX_JOBS_PER_SERVER } from './indexed-swarm.ts';

/** What the plan is for: lambda (1/s), rho-bar in (0, 1], and how servers are placed. */
export interface PlanningDemand {
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  readonly placementPolicy: GreedyPlacement;
}

/**
 * The largest c worth a look: c_max = floor((max_j M_j - s_m) / s_c) over the servers that are free to be
 * placed, at most `MAX_JOBS_PER_SERVER`; without pinned servers at most the largest c for which the
 * servers have places for all blocks, since more cache per block only leaves fewer places.
 * @returns integer >= 0   O(J log c_max)
 */
export function largestReservation(swarm: IndexedSwarm): number {
  let largest = 0;
  swarm.memoryBytes.forEach((memory, j) => {
    if (!swarm.pinned.has(j)) largest = Math.max(largest, memory);
  });
  const slots = Math.floor((largest - swarm.blockBytes) / swarm.cacheBytesPerBlock);
  let most = Math.min(Math.max(0, slots), MAX_JOBS_PER_SERVER);
  if (swarm.pinned.size > 0 || hasPlaces(swarm, most)) return most;
  let least = 0;
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (hasPlaces(swarm, middle)) least = middle;
    else most = middle;
  }
  return least;
}

function hasPlaces(swarm: IndexedSwarm, reservedSlots: number): boolean {
  return reservedBlockCounts(swarm, reservedSlots).reduce((sum, count) => sum + count, 0) >= swarm.blockCount;
}

/**
 * Visits the reservations c in [1, c_max], ascending, that can differ in their placement.
 *
 * Neighbouring c often give every server the same number of blocks: such a run is laid out once, and
 * within it only the c where the rate target is met by another number of chains are visited.
 * @param usesStop false where the rate target changes neither the placement nor the objective
 * @param visit told the layout, c, and after how many closed chains the placement stops (undefined: never)
 */
export function visitReservations(
  swarm: IndexedSwarm,
  demand: PlanningDemand,
  usesStop: boolean,
  visit: (sequence: GreedySequence, reservedSlots: number, closedChains: number | undefined) => void,
): void {
  const largest = Math.max(1, largestReservation(swarm));
  for (let c = 1; c <= largest; ) {
    const blockCounts = reservedBlockCounts(swarm, c);
    const sequence = placeGreedily(swarm, blockCounts);
    const lastOfRun = Math.min(largest, lastReservationWith(swarm, blockCounts, c));
    for (let within = c; within <= lastOfRun; ) {
      visit(sequence, within, stopFor(sequence, demand, within));
      within = usesStop ? nextReservationWithOtherStop(sequence, demand, within, lastOfRun) : lastOfRun + 1;
    }
    c = lastOfRun + 1;
  }
}

/** Closed chains after which the placement stops; undefined places every server. */
export function stopFor(sequence: GreedySequence, demand: PlanningDemand, reservedSlots: number): number | undefined {
  if (demand.placementPolicy === 'gbp-cr-fill') return undefined;
  return chainsForRate(sequence, demand.arrivalRatePerSecond, demand.maxLoad, reservedSlots);
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
