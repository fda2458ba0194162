import type { Member } from '../../domain/membership/member.ts';
import type { StaleReason } from '../../domain/membership/membership-effects.ts';
import type { PlacedSpan } from '../../domain/model/placement.ts';
import { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import { type LookOutcome, wantsSearch } from '../../domain/planning/live-look.ts';
import type { PlannerAnswer } from '../ports/planner.ts';
import { logPlan } from './plan-log.ts';
import { REPLAN_REASON } from './reason-labels.ts';
import { ReplanTimer } from './replan-timer.ts';
import type { PlanSearch, PlanState, SwarmDependencies } from './swarm-parts.ts';
import { type SwarmSight, unchangedMembers } from './swarm-sight.ts';

export interface ReplannerHooks {
  /** The swarm as it is now. */
  see(): SwarmSight;
  members(): readonly Member[];
  /** Moves are under way, or servers load. */
  isMoving(): boolean;
  /** Orders that follow from a plan; `members` are those that it was made for and that are as they were. */
  carryOut(epoch: number, moves: readonly PlacedSpan[], members: readonly Member[]): void;
  /** A look or search ended, whatever came of it. */
  looked(): void;
}

export interface ReplannerOptions {
  readonly replanDebounceMs: number;
  readonly searchAfterMs: number;
}

/** Answers in a row that are not used because servers went while they were made: else constant losses would leave no plan at all. */
const MAX_OUTDATED = 3;

/** Over about this long it is counted how often servers come and go. */
const CHANGES_WINDOW_MS = 3_600_000;

const CHANGES: ReadonlySet<StaleReason> = new Set(['join', 'leave', 'lost', 'excluded', 'readmitted', 'drain']);

/**
 * When the plan is looked at, and what becomes of the answers. A change marks the plan stale; after a
 * quiet time the planner is asked about the swarm as it then is, one look at a time: changes meanwhile
 * are looked at together afterwards. An answer holds for the servers that it was made for: when one of
 * them has gone or was told another span since, the swarm is looked at anew instead. Where nothing is left
 * to be moved, a careful search follows after a longer quiet time; a change makes its answer worthless.
 */
export class Replanner {
  readonly #deps: Pick<SwarmDependencies, 'planner' | 'clock' | 'telemetry' | 'log'>;
  readonly #options: ReplannerOptions;
  readonly #hooks: ReplannerHooks;
  readonly #timer: ReplanTimer;
  #plan: PlanState = {
    epoch: 0,
    madeMs: undefined,
    arrivalRatePerSecond: 0,
    result: undefined,
    inForce: undefined,
    decision: undefined,
    source: undefined,
    search: undefined,
  };
  /** Servers that come or go, together as they are looked at. */
  readonly #changes = new ArrivalRate(CHANGES_WINDOW_MS);
  #isLooking = false;
  /** Why to look again as soon as the present look has ended. */
  #again: StaleReason | undefined;
  #outdatedInARow = 0;
  #isSearching = false;
  #cancelSearch: (() => void) | undefined;
  /** Nothing was marked since the search began. */
  #isSearchCurrent = false;
  #isStopped = false;

  constructor(
    deps: Pick<SwarmDependencies, 'planner' | 'clock' | 'telemetry' | 'log'>,
    options: ReplannerOptions,
    hooks: ReplannerHooks,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#hooks = hooks;
    this.#timer = new ReplanTimer(deps.clock, options.replanDebounceMs, (reason) => this.#look(reason));
  }

  get plan(): PlanState {
    return this.#plan;
  }

  /** A plan is being made, or soon will be. */
  get isPending(): boolean {
    return this.#timer.isPending || this.#isLooking;
  }

  mark(reason: StaleReason): void {
    this.#isSearchCurrent = false;
    this.#cancelSearch?.();
    this.#cancelSearch = undefined;
    this.#timer.mark(reason);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.stop();
    this.#cancelSearch?.();
  }

  #look(reason: StaleReason): void {
    if (this.#isStopped) return;
    if (this.#isLooking) {
      this.#again ??= reason;
      return;
    }
    this.#isLooking = true;
    if (CHANGES.has(reason)) this.#changes.arrived(this.#deps.clock.nowMs());
    const sight = this.#hooks.see();
    this.#deps.planner.look(sight.look, (answer) => {
      this.#isLooking = false;
      if (this.#isStopped) return;
      this.#looked(reason, sight, answer);
      const again = this.#again;
      this.#again = undefined;
      if (again !== undefined) this.#look(again);
    });
  }

  #looked(cause: StaleReason, sight: SwarmSight, answer: PlannerAnswer): void {
    const { telemetry, log } = this.#deps;
    if (answer.kind === 'failed') {
      log('planning failed: the last plan stays, and the swarm is looked at again', { cause, reason: answer.reason });
      this.mark(cause);
      return;
    }
    const { outcome, seconds } = answer;
    const unchanged = unchangedMembers(sight, this.#hooks.members());
    if (unchanged.length < sight.members.length && this.#outdatedInARow < MAX_OUTDATED) {
      this.#outdatedInARow += 1;
      this.#again ??= cause;
      return;
    }
    this.#outdatedInARow = 0;
    telemetry.planMade({
      reason: REPLAN_REASON[cause],
      outcome: outcome.decision?.kind ?? 'infeasible',
      durationSeconds: seconds,
    });
    this.#adopt('look', cause, sight, outcome, seconds, unchanged);
    const isAtRest = outcome.result.kind === 'feasible' && outcome.moves.length === 0;
    if (isAtRest && wantsSearch(sight.look)) this.#searchLater();
  }

  #adopt(
    kind: 'look' | 'search',
    cause: StaleReason | 'search',
    sight: SwarmSight,
    { result, decision: made, moves: found }: LookOutcome,
    seconds: number,
    unchanged: readonly Member[],
  ): void {
    const { clock, log } = this.#deps;
    const there = new Set(unchanged.map((member) => member.serverId));
    const moves = found.filter((move) => there.has(move.serverId));
    const before = this.#plan;
    const isNew = result.kind === 'feasible' && (moves.length > 0 || before.epoch === 0);
    const epoch = before.epoch + (isNew ? 1 : 0);
    const decision = made && { ...made, cause, atMs: clock.nowMs() };
    const { arrivalRatePerSecond } = sight.demand;
    this.#plan = { ...before, epoch, arrivalRatePerSecond, result, decision };
    if (result.kind === 'feasible') this.#plan = { ...this.#plan, inForce: result };
    if (isNew) {
      const { placementPolicy, objective, search } = result;
      const gainSeconds = made?.gainSeconds;
      const source = { kind, placementPolicy, objective, seconds, evaluations: search?.evaluations, gainSeconds };
      this.#plan = { ...this.#plan, madeMs: clock.nowMs(), source };
    }
    if (kind === 'look' || isNew)
      logPlan(log, this.#plan, { cause, isNew, servers: sight.members.length, demand: sight.demand });
    if (result.kind === 'feasible') this.#hooks.carryOut(epoch, moves, unchanged);
    this.#hooks.looked();
  }

  /** After a longer quiet time. */
  #searchLater(): void {
    this.#cancelSearch?.();
    this.#cancelSearch = this.#deps.clock.setTimer(this.#options.searchAfterMs, () => {
      this.#cancelSearch = undefined;
      if (this.#isSearching || this.#hooks.isMoving()) this.#searchLater();
      else if (!this.isPending) this.#search();
    });
  }

  #search(): void {
    this.#isSearching = true;
    this.#isSearchCurrent = true;
    const sight = this.#hooks.see();
    const { look, prediction } = sight;
    // Until servers come or go again: what a whole placement gains is hardly worth anything after that.
    const calmSeconds = 1 / this.#changes.perSecond(this.#deps.clock.nowMs());
    const horizonSeconds = Math.min(look.horizonSeconds, calmSeconds);
    this.#deps.planner.search({ look: { ...look, horizonSeconds }, prediction }, (answer) => {
      this.#isSearching = false;
      if (!this.#isStopped) this.#searched(sight, answer);
    });
  }

  #searched(sight: SwarmSight, answer: PlannerAnswer): void {
    if (answer.kind === 'failed') {
      this.#noteSearch({ outcome: 'failed', reason: answer.reason, seconds: undefined });
      return;
    }
    const { outcome, seconds } = answer;
    const { result, decision } = outcome;
    const search = result.kind === 'feasible' ? result.search : undefined;
    const unchanged = unchangedMembers(sight, this.#hooks.members());
    if (!this.#isSearchCurrent || unchanged.length < sight.members.length) {
      this.#noteSearch({ outcome: 'outdated', reason: 'the swarm changed meanwhile', seconds, search });
      return;
    }
    const reason = decision?.reason ?? (result.kind === 'infeasible' ? result.reason : '');
    this.#noteSearch({ outcome: decision?.kind ?? 'infeasible', reason, seconds, search });
    // The look before it found a plan for these very servers: nothing feasible says something of the search alone.
    if (result.kind === 'feasible') this.#adopt('search', 'search', sight, outcome, seconds, unchanged);
  }

  #noteSearch({
    outcome,
    reason,
    seconds,
    search,
  }: Pick<PlanSearch, 'outcome' | 'reason' | 'seconds'> & {
    readonly search?: { readonly evaluations: number; readonly isCutShort: boolean } | undefined;
  }): void {
    const { telemetry, clock, log } = this.#deps;
    const evaluations = search?.evaluations;
    const isCutShort = search?.isCutShort ?? false;
    telemetry.planSearched({ outcome, durationSeconds: seconds, evaluations: evaluations ?? 0 });
    this.#plan = { ...this.#plan, search: { outcome, reason, atMs: clock.nowMs(), seconds, evaluations, isCutShort } };
    log('plan search ended', { outcome, reason, seconds, evaluations, isCutShort });
  }
}
