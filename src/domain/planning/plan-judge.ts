import { computedChains, computeVariants } from './compute-variants.ts';
import type { IndexedChain, IndexedSwarm } from './indexed-swarm.ts';
import { nameChains } from './indexed-swarm.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import type { ResponsePredictor, Screening } from './response-predictor.ts';
import { computeResponseBound } from './response-time-bounds.ts';

/** What a plan's chains are worth: smaller is better. */
export interface PlanJudge {
  /** A quick value, for choosing among thousands of plans; absent where there is none. */
  screen?(chains: readonly IndexedChain[]): Screening;
  /** Share of the truth that a trusted quick value is off at most. */
  readonly screenError: number;
  /** The plan as it is, and with fewer slots where its servers' compute has no use for all: see `computeVariants`. */
  variants(plan: ReservedPlan): readonly ReservedPlan[];
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
  /** Plans that it may screen while it improves one. */
  readonly screenings: number;
  /** Whether it finds every further plan useless, so that a search may as well end. Absent: never. */
  readonly isSpent?: () => boolean;
}

/** Servers times blocks that a search may go through: about a second's work on any swarm. */
const CHEAP_WORK = { bound: 4_000_000, prediction: 40_000_000 };
const SCREENINGS = { min: 100, max: 30_000 };
/** Where sessions share compute a look takes a fraction of a millisecond, whatever the swarm. */
const COMPUTE_SCREENINGS = 1_500;
const SCREEN_ERROR = { overflow: 0.02, sharedCompute: 0.1 };
const BOUND_BUDGET = 1_000;

function cheapScreenings(swarm: IndexedSwarm, work: number): number {
  const fitting = Math.floor(work / (swarm.serverIds.length * swarm.blockCount));
  return Math.min(SCREENINGS.max, Math.max(SCREENINGS.min, fitting));
}

/** Judges by a bound of the mean response time. */
export function judgeByBound(swarm: IndexedSwarm, bound: 'lower' | 'upper', arrivalRatePerSecond: number): PlanJudge {
  const value = (chains: readonly IndexedChain[]): number | undefined =>
    computeResponseBound(bound, chains, arrivalRatePerSecond);
  return {
    screen: (chains) => ({ seconds: value(chains), isTrusted: true }),
    screenError: 0,
    variants: (plan) => [plan],
    value,
    finalValue: value,
    respectsServiceTime: true,
    budget: BOUND_BUDGET,
    screenings: cheapScreenings(swarm, CHEAP_WORK.bound),
  };
}

/** Judges by a predictor's estimates. @param maxLoad rho-bar: the share of a server's time that a plan should use at most */
export function judgeByPrediction(swarm: IndexedSwarm, predictor: ResponsePredictor, maxLoad: number): PlanJudge {
  const { compute } = predictor;
  return {
    ...(predictor.screen === undefined
      ? {}
      : { screen: (chains: readonly IndexedChain[]) => predictor.screen?.(computedChains(swarm, chains)) ?? UNKNOWN }),
    screenError: compute === undefined ? SCREEN_ERROR.overflow : SCREEN_ERROR.sharedCompute,
    variants: (plan) => computeVariants(swarm, plan, compute, maxLoad),
    value: (chains, uselessFromSeconds) => predictor.estimate(nameChains(swarm, chains), uselessFromSeconds),
    finalValue: (chains, uselessFromSeconds) => predictor.predict(nameChains(swarm, chains), uselessFromSeconds),
    respectsServiceTime: predictor.respectsServiceTime,
    budget: predictor.budget,
    screenings: compute === undefined ? cheapScreenings(swarm, CHEAP_WORK.prediction) : COMPUTE_SCREENINGS,
  };
}

const UNKNOWN: Screening = { seconds: undefined, isTrusted: false };
