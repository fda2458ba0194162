import type { Chain } from '../model/chain.ts';
import type { ComputedChain } from './compute-demand.ts';
import type { ComputeModel } from './compute-model.ts';

/** A quick look at a plan. */
export interface Screening {
  /** Mean response time, seconds; undefined when unstable. */
  readonly seconds: number | undefined;
  /** Whether plans can be told apart by it; where not, only estimates can. */
  readonly isTrusted: boolean;
}

/**
 * Predicts the mean response time of chains at one arrival rate, under one service model. Built
 * outside the domain's planner (a simulation does it), and given to it.
 */
export interface ResponsePredictor {
  /** An approximation in a fraction of a millisecond: a search looks at thousands of plans by it. Absent where there is none. */
  screen?(chains: readonly ComputedChain[]): Screening;
  /**
   * For comparing plans: every call sees the same jobs, so that differences are the plans' own.
   * @param uselessFromSeconds plans this slow are of no interest: any value not below it may stand for theirs
   * @returns seconds; undefined when unstable
   */
  estimate(chains: readonly Chain[], uselessFromSeconds?: number): number | undefined;
  /** The most exact figure for one plan, for people to read and for the last choice. Otherwise as `estimate`. */
  predict(chains: readonly Chain[], uselessFromSeconds?: number): number | undefined;
  /** Whether estimates never lie far below the fastest chain's service time, so that slower plans can be left early. */
  readonly respectsServiceTime: boolean;
  /** Estimates that one plan may cost. */
  readonly budget: number;
  /** Where sessions share the compute of their servers: how much of it plans take. */
  readonly compute?: ComputeModel;
}
