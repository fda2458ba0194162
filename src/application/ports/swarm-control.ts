import type { PlacedSpanView } from './swarm-view.ts';

/** What operators may do to the live swarm. */
export interface SwarmControl {
  /** Marks the plan stale, so that a new one is made after the usual quiet time. */
  replan(): void;
  /**
   * Gives a server no new work; what runs on it ends in its own time, and the next plan goes without
   * it. Idempotent. @returns false: no such server is registered
   */
  drainServer(serverId: string): boolean;
  /**
   * The plan that would be made if the swarm were changed so. Changes nothing and keeps nothing.
   * @throws DispatcherError DSP_INVALID_ARGUMENT: a server that is not there is removed, or one that is there is added;
   * and as `Planner.ask`
   */
  whatIf(change: SwarmChange): Promise<PlanOutlook>;
}

export interface SwarmChange {
  /** Requests per second instead of the current estimate, > 0. */
  readonly arrivalRatePerSecond: number | undefined;
  readonly removedServerIds: readonly string[];
  readonly addedServers: readonly HypotheticalServer[];
}

export interface HypotheticalServer {
  readonly serverId: string;
  readonly memoryBytes: number;
  readonly rttSeconds: number | undefined;
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  readonly decodeSecondsPerTokenPerBlock: number;
}

export interface PlanOutlook {
  readonly isFeasible: boolean;
  /** Why it is not feasible, or why the bounds are missing. */
  readonly reason: string | undefined;
  readonly placementPolicy: string;
  readonly reservedSlots: number | undefined;
  readonly placement: readonly PlacedSpanView[];
  readonly chains: readonly OutlookChain[];
  readonly totalSlots: number;
  readonly serviceRatePerSecond: number;
  readonly arrivalRatePerSecond: number;
  readonly responseSeconds: { readonly lower: number; readonly upper: number; readonly predicted?: number } | undefined;
}

export interface OutlookChain {
  readonly hops: readonly PlacedSpanView[];
  readonly slots: number;
  readonly serviceSeconds: number;
}
