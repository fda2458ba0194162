import type { PlannerFailure } from './planner.ts';
import type { ServerContribution } from './server-contribution.ts';

/**
 * What the application reports of itself, in its own words; an adapter turns it into metrics. Verbs
 * are called once per event and never throw; gauges are read at each scrape through `observeState`.
 */
export interface Telemetry {
  /** Exactly once per request that arrived, however it ended. */
  requestFinished(request: FinishedRequest): void;
  /** One arrival or completion was decided by the scheduler. Seconds. */
  dispatchDecided(seconds: number): void;
  /** A request that had to wait got its chain: how long it was expected to wait when it came, and how long it did. Seconds. */
  waitEnded(predictedSeconds: number, seconds: number): void;
  /** A look at the plan ended. */
  planMade(run: PlanningRun): void;
  /** A search for a better plan ended. */
  planSearched(search: SearchRun): void;
  /** The planner died, or took too long. */
  plannerFailed(cause: PlannerFailure): void;
  /** Round trip of one step at one hop, seconds. */
  hopObserved(serverId: string, seconds: number): void;
  /** A running request lost its chain. */
  failoverEnded(outcome: FailoverOutcome): void;
  serverJoined(): void;
  serverLost(reason: ServerLossReason): void;
  /** Blocks that servers were told to load which they did not hold before. */
  blocksMoved(blocks: number): void;
  /** Names the source of the gauges. Called once, at wiring. `read` must be cheap and must not throw. */
  observeState(read: () => TelemetryState): void;
}

export const REQUEST_OUTCOMES = ['completed', 'cancelled', 'failed', 'rejected', 'expired'] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/** Why a plan was made: servers joined or left, their speeds or the arrival rate drifted, an operator asked. */
export const REPLAN_REASONS = [
  'server_joined',
  'server_lost',
  'server_changed',
  'speed_drift',
  'rate_drift',
  'operator',
  'startup',
] as const;
export type ReplanReason = (typeof REPLAN_REASONS)[number];

/** `continued`: on another chain, the client noticed nothing. `exhausted`: no chain could take over. */
export const FAILOVER_OUTCOMES = ['continued', 'exhausted'] as const;
export type FailoverOutcome = (typeof FAILOVER_OUTCOMES)[number];

/** What came of a look at the plan. */
export const PLAN_OUTCOMES = ['keep', 'change', 'infeasible'] as const;
export type PlanOutcome = (typeof PLAN_OUTCOMES)[number];

/** What came of a search for a better plan; `outdated`: the swarm had changed meanwhile. */
export const SEARCH_OUTCOMES = ['keep', 'change', 'infeasible', 'outdated', 'failed'] as const;
export type SearchOutcome = (typeof SEARCH_OUTCOMES)[number];

export const SERVER_LOSS_REASONS = ['lease_expired', 'stream_closed', 'left', 'replaced', 'faulty'] as const;
export type ServerLossReason = (typeof SERVER_LOSS_REASONS)[number];

export const SERVER_STATES = ['joining', 'loading', 'serving', 'draining', 'excluded'] as const;
export type ServerState = (typeof SERVER_STATES)[number];

export interface FinishedRequest {
  readonly outcome: RequestOutcome;
  /** Tokens of the prompt that were processed; 0 when nothing ran. */
  readonly promptTokens: number;
  /** Tokens generated. */
  readonly completionTokens: number;
  /** From arrival to the end, seconds. Undefined where the request never ran. */
  readonly responseSeconds: number | undefined;
  /** From arrival to a slot, seconds. Undefined where the request never got one. */
  readonly queueSeconds: number | undefined;
  /** From arrival to the first token, seconds. */
  readonly timeToFirstTokenSeconds: number | undefined;
  /** Mean of the time between tokens after the first, seconds; undefined below two tokens. */
  readonly timePerOutputTokenSeconds: number | undefined;
  readonly finishReason: 'stop' | 'length' | undefined;
}

export interface PlanningRun {
  readonly reason: ReplanReason;
  readonly outcome: PlanOutcome;
  readonly durationSeconds: number;
}

export interface SearchRun {
  readonly outcome: SearchOutcome;
  /** Undefined where it failed. */
  readonly durationSeconds: number | undefined;
  /** Plans that were judged. */
  readonly evaluations: number;
}

/** A snapshot for the gauges. Lists hold what the live plan names, so that the labels stay bounded. */
export interface TelemetryState {
  readonly chains: readonly ChainState[];
  readonly runningRequests: number;
  readonly queueLength: number;
  readonly servers: Readonly<Record<ServerState, number>>;
  /** Servers registered now: the only values that the label `server` keeps. */
  readonly serverIds: readonly string[];
  /** By server id, of the same servers. */
  readonly contributions: ReadonlyMap<string, ServerContribution>;
  /** Fewest servers that serve any one block; 0 when some block is served by none. */
  readonly blockCoverageMin: number;
  /** 0 before the first plan. */
  readonly planEpoch: number;
  readonly planReservedSlots: number | undefined;
  /** Tokens for which one slot of the plan has room. */
  readonly planSlotTokens: number;
  readonly planResponseSeconds:
    | { readonly lower: number; readonly upper: number; readonly predicted?: number }
    | undefined;
  readonly arrivalRatePerSecond: number;
  /** Response time that the latest change of the plan saves over its horizon, summed, seconds. Undefined: none was made. */
  readonly planGainSeconds: number | undefined;
  /** Moves of the plan that servers were not told yet. */
  readonly pendingMoves: number;
  /** Mean lengths that the planner reckons with. */
  readonly workload: { readonly inputTokens: number; readonly outputTokens: number };
  /** Measured over declared times, of the servers registered now. */
  readonly paces: readonly { readonly serverId: string; readonly pace: number }[];
  readonly isLeader: boolean;
}

export interface ChainState {
  readonly id: string;
  readonly slots: number;
  readonly slotsInUse: number;
  readonly plannedServiceSeconds: number;
  /** Mean of what was measured lately; undefined before the first completion. */
  readonly measuredServiceSeconds: number | undefined;
  /** Tokens that the chain's reserved caches hold at most, and those that sessions hold now. */
  readonly cacheTokens: number;
  readonly cacheTokensInUse: number;
}
