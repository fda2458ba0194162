import type { ResponseBounds } from '../model/plan.ts';
import { BirthDeathSum } from './birth-death.ts';

/** What the bounds need of a chain: c_k slots and T_k seconds of mean service. */
export interface ChainCapacity {
  /** Integer >= 1. */
  readonly slots: number;
  /** Seconds > 0. */
  readonly serviceSeconds: number;
}

const TERMS_BETWEEN_CHECKS = 32;

/** nu = sum of c_k / T_k, 1/s; summed in the order given.   O(K) */
export function serviceRate(chains: readonly ChainCapacity[]): number {
  return chains.reduce((rate, chain) => rate + chain.slots / chain.serviceSeconds, 0);
}

/**
 * Bounds on the mean response time of JFFC: Theorem 4 of Sun, He, Hou, arXiv 2604.14993.
 *
 * The number of jobs in the system moves up at the arrival rate, and down at a rate between two
 * extremes: all running jobs on the fastest slots (lower bound) or all on the slowest (upper bound).
 * Each extreme is a birth-death process, solved exactly: states up to C slots one by one, the queue
 * beyond as the geometric series it is.
 *
 * @param chains in any order   @param arrivalRatePerSecond lambda > 0
 * @returns seconds; undefined when unstable, lambda >= nu   O(K log K + C)
 */
export function computeResponseBounds(
  chains: readonly ChainCapacity[],
  arrivalRatePerSecond: number,
): ResponseBounds | undefined {
  const fastestFirst = [...chains].sort((a, b) => a.serviceSeconds - b.serviceSeconds);
  const rate = serviceRate(fastestFirst);
  if (!(arrivalRatePerSecond < rate)) return undefined;
  return {
    lower: meanResponseSeconds(fastestFirst, arrivalRatePerSecond, rate),
    upper: meanResponseSeconds(fastestFirst.toReversed(), arrivalRatePerSecond, rate),
  };
}

/**
 * The bound of one direction alone: a search needs only one of them.
 * @returns seconds; undefined when unstable
 */
export function computeResponseBound(
  bound: 'lower' | 'upper',
  chains: readonly ChainCapacity[],
  arrivalRatePerSecond: number,
): number | undefined {
  const sign = bound === 'lower' ? 1 : -1;
  const ordered = [...chains].sort((a, b) => sign * (a.serviceSeconds - b.serviceSeconds));
  const rate = serviceRate(ordered);
  return arrivalRatePerSecond < rate ? meanResponseSeconds(ordered, arrivalRatePerSecond, rate) : undefined;
}

/** Mean response of the birth-death process whose n jobs always hold the first n slots of the chains as ordered. */
function meanResponseSeconds(chains: readonly ChainCapacity[], lambda: number, totalRate: number): number {
  const sum = new BirthDeathSum(lambda);
  let rateBelow = 0;
  for (const chain of chains) {
    const mu = 1 / chain.serviceSeconds;
    for (let s = 1; s <= chain.slots; s += 1) {
      sum.add(rateBelow + mu * s);
      if (s % TERMS_BETWEEN_CHECKS === 0 && sum.isSettled()) return sum.meanJobsOfSettled() / lambda;
    }
    rateBelow += chain.slots * mu;
  }
  return sum.meanJobsWithQueue(totalRate) / lambda;
}
