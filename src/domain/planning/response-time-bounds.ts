import type { ResponseBounds } from '../model/plan.ts';

/** What the bounds need of a chain: c_k slots and T_k seconds of mean service. */
export interface ChainCapacity {
  /** Integer >= 1. */
  readonly slots: number;
  /** Seconds > 0. */
  readonly serviceSeconds: number;
}

/** Weights first rise and then fall; scaled back to 1 here while rising, far from where doubles overflow. */
const RESCALE_ABOVE = 1e150;
/** A remainder this small against a sum of doubles is lost in the rounding of the sum. */
const NEGLIGIBLE = 2 ** -60;
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
 * beyond as the geometric series it is. Weights are products of many ratios; they are rescaled as
 * they run, which loses nothing, where exponentials of summed logarithms would lose digits.
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
  let weight = 1;
  let sumOfWeights = 0;
  let sumOfJobs = 0;
  let jobs = 0;
  let rateBelow = 0;
  for (const chain of chains) {
    const mu = 1 / chain.serviceSeconds;
    for (let s = 1; s <= chain.slots; s += 1) {
      sumOfWeights += weight;
      sumOfJobs += weight * jobs;
      const ratio = lambda / (rateBelow + mu * s);
      weight *= ratio;
      jobs += 1;
      if (weight > RESCALE_ABOVE) {
        sumOfWeights /= weight;
        sumOfJobs /= weight;
        weight = 1;
      }
      if (s % TERMS_BETWEEN_CHECKS === 0 && isNegligible(weight, ratio, jobs, sumOfJobs)) {
        return sumOfJobs / sumOfWeights / lambda;
      }
    }
    rateBelow += chain.slots * mu;
  }
  const rho = lambda / totalRate;
  const queue = 1 - rho;
  sumOfWeights += weight / queue;
  sumOfJobs += weight * (rho / (queue * queue) + jobs / queue);
  return sumOfJobs / sumOfWeights / lambda;
}

/**
 * Whether all terms from here on vanish in rounding. Death rates never fall with n, so the weights
 * from here on stay below weight * ratio^i: their jobs sum to at most the closed form compared.
 */
function isNegligible(weight: number, ratio: number, jobs: number, sumOfJobs: number): boolean {
  if (!(ratio < 1)) return false;
  const gap = 1 - ratio;
  return weight * (jobs / gap + ratio / (gap * gap)) < NEGLIGIBLE * sumOfJobs;
}
