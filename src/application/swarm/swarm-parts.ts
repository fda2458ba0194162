import type { Membership } from '../../domain/membership/membership.ts';
import type { StaleReason } from '../../domain/membership/membership-effects.ts';
import type { Chain } from '../../domain/model/chain.ts';
import type { ModelShape } from '../../domain/model/model.ts';
import type { PlacementPolicy, PlanningObjective, PlanningResult } from '../../domain/model/plan.ts';
import type { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import type { LookDecision } from '../../domain/planning/live-look.ts';
import type { ChunkBounds } from '../../domain/scheduling/prefill-chunk.ts';
import type { Clock } from '../ports/clock.ts';
import type { Planner, ServiceModel } from '../ports/planner.ts';
import type { SearchOutcome, Telemetry } from '../ports/telemetry.ts';
import type { JobDispatcher } from '../requests/job-dispatcher.ts';
import type { ServiceTimeTerms } from './member-state.ts';

export interface SwarmOptions {
  /** Quiet time after a change before it is planned for, ms. A stream of changes waits ten times that at most. */
  readonly replanDebounceMs: number;
  readonly placementPolicy: PlacementPolicy;
  readonly objective: PlanningObjective;
  /** What predicted response times are predicted by, and in what pieces prompts travel. */
  readonly serviceModel: ServiceModel;
  readonly prefillChunk: ChunkBounds;
  /** How long nothing must have changed before a better plan is searched for, ms. */
  readonly searchAfterMs: number;
  readonly reservedSlots: number | undefined;
  readonly maxLoad: number;
  /** How far ahead a better plan's gain counts against what moving costs, seconds. */
  readonly horizonSeconds: number;
  /** Share of the response time that a plan must gain to move servers, >= 0. */
  readonly minimumGain: number;
  /** Serving servers that may be out of service for a move at once, >= 1. */
  readonly movesAtOnce: number;
  readonly arrivalRateFloor: number;
  /** Its workload counts until enough requests were seen. */
  readonly serviceTimes: ServiceTimeTerms;
  /** Requests after which their measured lengths replace the configured ones, >= 1. */
  readonly workloadSamples: number;
  /** Tokens of the longest session, where slots are sized by what requests reserve; undefined: each has room for the longest. */
  readonly sizedSessionTokens?: number | undefined;
  /** Share by which the arrival rate or the lengths must change for another look at the plan, > 0. */
  readonly driftThreshold: number;
  /** Time constant of the arrival rate's estimate, seconds. */
  readonly rateWindowSeconds: number;
  /** How often demand and speeds are compared with what was planned for, ms > 0. */
  readonly lookIntervalMs: number;
  /** How long requests on a draining server may take before it may go, ms. */
  readonly drainGraceMs: number;
  /** How long after the start servers of a former run may take to join again, before others move for them, ms. */
  readonly rejoinMs: number;
  /** Servers whose speeds are remembered at most. */
  readonly serverLimit: number;
  /** A server that refuses blocks it was told this recently has not caught up yet: no fault, ms. */
  readonly settleMs: number;
}

export interface SwarmDependencies {
  readonly model: ModelShape;
  readonly membership: Membership;
  readonly dispatcher: JobDispatcher;
  readonly arrivalRate: ArrivalRate;
  readonly clock: Clock;
  readonly planner: Planner;
  readonly telemetry: Telemetry;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Told whenever the set of chains was composed anew. */
  readonly onChains: (chains: readonly Chain[]) => void;
}

/** What came of the latest look at the plan, for operators. */
export interface PlanDecision extends LookDecision {
  /** What made the plan stale; `search`: nothing, but a better one was found. */
  readonly cause: StaleReason | 'search';
  readonly atMs: number;
}

/** How the placement that servers were told last was found. */
export interface PlanSource {
  readonly kind: 'look' | 'search';
  readonly placementPolicy: PlacementPolicy;
  readonly objective: PlanningObjective | undefined;
  readonly seconds: number;
  /** Plans that the search judged; undefined for a look. */
  readonly evaluations: number | undefined;
  readonly gainSeconds: number | undefined;
}

/** What came of the latest careful search. */
export interface PlanSearch {
  readonly outcome: SearchOutcome;
  readonly reason: string;
  readonly atMs: number;
  /** Undefined where it failed. */
  readonly seconds: number | undefined;
  readonly evaluations: number | undefined;
  /** Time ended it before its budget of evaluations did. */
  readonly isCutShort: boolean;
}

/** The plan that servers were told last, and what came of planning since. */
export interface PlanState {
  readonly epoch: number;
  readonly decision: PlanDecision | undefined;
  readonly madeMs: number | undefined;
  /** What the latest look reckoned with; 0 before the first. */
  readonly arrivalRatePerSecond: number;
  readonly result: PlanningResult | undefined;
  /** The latest feasible one: servers keep it while a newer attempt is infeasible. */
  readonly inForce: (PlanningResult & { kind: 'feasible' }) | undefined;
  /** Undefined before the first plan. */
  readonly source: PlanSource | undefined;
  /** Undefined where none was made yet. */
  readonly search: PlanSearch | undefined;
}
