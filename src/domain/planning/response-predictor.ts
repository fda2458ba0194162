import type { Chain } from '../model/chain.ts';

/**
 * Predicts the mean response time of chains at one arrival rate, under one service model. Built
 * outside the domain's planner (a simulation does it), and given to it.
 */
export interface ResponsePredictor {
  /**
   * For comparing plans: every call sees the same jobs, so that differences are the plans' own.
   * @returns seconds; undefined when unstable
   */
  estimate(chains: readonly Chain[]): number | undefined;
  /** The most exact figure for one plan, for people to read. Seconds; undefined when unstable. */
  predict(chains: readonly Chain[]): number | undefined;
  /** Whether estimates never lie far below the fastest chain's service time, so that slower plans can be left early. */
  readonly respectsServiceTime: boolean;
  /** Estimates that one plan may cost. */
  readonly budget: number;
}
