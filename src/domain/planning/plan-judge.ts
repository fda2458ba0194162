import type { IndexedChain, IndexedSwarm } from './indexed-swarm.ts';
import { nameChains } from './indexed-swarm.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { computeResponseBound } from './response-time-bounds.ts';

/** What a plan's chains are worth: smaller is better. */
export interface PlanJudge {
  /**
   * @param uselessFromSeconds any value not below it may stand for that of a plan this slow
   * @returns seconds; undefined when unstable
   */
  value(chains: readonly IndexedChain[], uselessFromSeconds?: number): number | undefined;
  /** The same with more care, for the few plans that are left at the end. */
  finalValue(chains: readonly IndexedChain[], uselessFromSeconds?: number): number | undefined;
  /** No value lies below the fastest chain's service time. */
  readonly respectsServiceTime: boolean;
  /** Values that a search may ask for. */
  readonly budget: number;
  /** Whether it finds every further plan useless, so that a search may as well end. Absent: never. */
  readonly isSpent?: () => boolean;
}

/** Servers times blocks that a search may go through: a few seconds' work on any swarm. */
const CHEAP_BUDGET = 20_000_000;
const MIN_BUDGET = 20;
const MAX_BUDGET = 1_000;

/** Judges by a bound of the mean response time. */
export function judgeByBound(swarm: IndexedSwarm, bound: 'lower' | 'upper', arrivalRatePerSecond: number): PlanJudge {
  const value = (chains: readonly IndexedChain[]): number | undefined =>
    computeResponseBound(bound, chains, arrivalRatePerSecond);
  return {
    value,
    finalValue: value,
    respectsServiceTime: true,
    budget: Math.min(
      MAX_BUDGET,
      Math.max(MIN_BUDGET, Math.floor(CHEAP_BUDGET / (swarm.serverIds.length * swarm.blockCount))),
    ),
  };
}

/** Judges by a predictor's estimates. */
export function judgeByPrediction(swarm: IndexedSwarm, predictor: ResponsePredictor): PlanJudge {
  return {
    value: (chains, uselessFromSeconds) => predictor.estimate(nameChains(swarm, chains), uselessFromSeconds),
    finalValue: (chains, uselessFromSeconds) => predictor.predict(nameChains(swarm, chains), uselessFromSeconds),
    respectsServiceTime: predictor.respectsServiceTime,
    budget: predictor.budget,
  };
}
