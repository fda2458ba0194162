import type { ServerContribution } from './server-contribution.ts';
import type { SearchOutcome, ServerState } from './telemetry.ts';

/**
 * What operators see of the live swarm: plain values, made at the call, ready for JSON. Lists are as
 * long as the number of registered servers and planned chains, which the application bounds.
 */
export interface SwarmView {
  servers(): readonly ServerView[];
  plan(): PlanView;
  /** Ascending by planned service time. */
  chains(): readonly ChainView[];
  queue(): QueueView;
}

export interface ServerView {
  readonly serverId: string;
  readonly state: ServerState;
  /** Why the server does not serve (for instance "loads blocks 0..13"); undefined when it does. */
  readonly reason: string | undefined;
  readonly address: string;
  readonly protocol: string;
  readonly memoryBytes: number;
  /** What it hosts now, and what the plan wants; undefined: nothing. */
  readonly hosted: SpanView | undefined;
  readonly planned: SpanView | undefined;
  readonly isPinned: boolean;
  /** As the last heartbeat said. */
  readonly cacheBytesFree: number | undefined;
  readonly sessions: number;
  readonly rttSeconds: number | undefined;
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  readonly decodeSecondsPerTokenPerBlock: number;
  /** Measured over declared times, > 0: 2 is twice as slow as it said. Plans reckon with it. */
  readonly pace: number;
  /** beta, [0, 1]: the share of a step that other sessions' steps wait for; as measured, before that as declared. */
  readonly concurrencySlope: number;
  readonly heartbeatAgeSeconds: number;
  readonly dtype: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly contribution: ServerContribution;
}

export interface SpanView {
  readonly firstBlock: number;
  readonly blockCount: number;
}

export interface PlanView {
  readonly modelId: string;
  readonly blockCount: number;
  /** 0 before the first plan. */
  readonly epoch: number;
  /** Seconds since the plan was adopted; undefined before the first. */
  readonly ageSeconds: number | undefined;
  readonly placementPolicy: string;
  readonly objective: string | undefined;
  readonly reservedSlots: number | undefined;
  /** Tokens for which one slot has room. */
  readonly slotTokens: number;
  readonly placement: readonly PlacedSpanView[];
  readonly totalSlots: number;
  readonly serviceRatePerSecond: number;
  readonly arrivalRatePerSecond: number;
  readonly responseSeconds: { readonly lower: number; readonly upper: number; readonly predicted?: number } | undefined;
  /** Fewest servers that serve any one block. */
  readonly blockCoverageMin: number;
  /** Why there is no plan, or why its bounds are missing. */
  readonly reason: string | undefined;
  /** What came of the latest look at the plan; undefined before the first. */
  readonly decision: PlanDecisionView | undefined;
  /** How the placement that servers were told last was found; undefined before the first. */
  readonly source: PlanSourceView | undefined;
  /** What came of the latest careful search; undefined where none was made. */
  readonly search: PlanSearchView | undefined;
  /** Moves that servers were not told yet: each waits until others serve its server's blocks. */
  readonly pendingMoves: number;
  /** Mean lengths that service times are reckoned with. */
  readonly workload: WorkloadView;
}

export interface PlanDecisionView {
  readonly kind: 'keep' | 'change';
  /** What made the plan stale. */
  readonly cause: string;
  /** Why it was kept, or changed so. */
  readonly reason: string;
  readonly ageSeconds: number;
  /** Response time that the requests of the horizon save by it, and lose while servers load, summed, seconds. */
  readonly gainSeconds: number | undefined;
  readonly costSeconds: number | undefined;
}

export interface PlanSourceView {
  /** A quick look, or a careful search. */
  readonly kind: 'look' | 'search';
  readonly placementPolicy: string;
  readonly objective: string | undefined;
  /** How long it took. */
  readonly seconds: number;
  /** Plans that were judged; undefined for a look. */
  readonly evaluations: number | undefined;
  /** Response time that the requests of the horizon were expected to save by it, summed, seconds. */
  readonly gainSeconds: number | undefined;
}

export interface PlanSearchView {
  readonly outcome: SearchOutcome;
  readonly reason: string;
  readonly ageSeconds: number;
  readonly seconds: number | undefined;
  readonly evaluations: number | undefined;
  /** Time ended it before its budget did. */
  readonly isCutShort: boolean;
}

export interface WorkloadView {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** False: as configured, since too few requests were seen. */
  readonly isMeasured: boolean;
}

export interface PlacedSpanView extends SpanView {
  readonly serverId: string;
}

export interface ChainView {
  readonly chainId: string;
  readonly hops: readonly PlacedSpanView[];
  readonly slots: number;
  readonly slotsInUse: number;
  readonly plannedServiceSeconds: number;
  readonly measuredServiceSeconds: number | undefined;
}

export interface QueueView {
  readonly length: number;
  readonly limit: number;
  readonly oldestWaitSeconds: number | undefined;
  readonly running: number;
}
