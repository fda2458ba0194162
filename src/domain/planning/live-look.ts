import type { ModelShape } from '../model/model.ts';
import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective, PlanningResult } from '../model/plan.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { makePlan, type PlanningSnapshot } from './make-plan.ts';
import { placementOutlook, type SwarmDemand } from './placement-outlook.ts';
import { decideReplan, type ReplanInput } from './replan-decision.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { makeRoomiestPlan } from './roomiest-plan.ts';
import type { SearchLimit } from './search-limit.ts';

/** All that a look at the live plan depends on, in plain values that may cross between threads. */
export interface LiveLook {
  readonly model: ModelShape;
  /** Sorted by id. */
  readonly servers: readonly Server[];
  /** What servers host or were told to host. */
  readonly current: Placement;
  /** By server id: must be taken as they are. */
  readonly pinnedSpans: ReadonlyMap<string, Span>;
  /** lambda, jobs per second > 0. */
  readonly arrivalRatePerSecond: number;
  /** rho-bar, (0, 1]. */
  readonly maxLoad: number;
  readonly placementPolicy: PlacementPolicy;
  readonly objective: PlanningObjective;
  /** c: given instead of searched. */
  readonly reservedSlots: number | undefined;
  /** How long one server takes to load one block, seconds > 0. */
  readonly secondsPerBlock: number;
  /** How far ahead a gain counts, seconds > 0. */
  readonly horizonSeconds: number;
  /** Share of the response time that moves must gain, >= 0. */
  readonly minimumGain: number;
}

export interface LookOutcome {
  /** What the planner says; infeasible: nothing is changed. */
  readonly result: PlanningResult;
  /** Undefined where nothing is feasible. */
  readonly decision: LookDecision | undefined;
  /** Spans to order, in waves; empty when nothing changes. */
  readonly moves: readonly PlacedSpan[];
}

export interface LookDecision {
  readonly kind: 'keep' | 'change';
  /** Why, in words for operators. */
  readonly reason: string;
  /** Summed response time of the horizon's requests, seconds; undefined for `keep` and where it has no bound. */
  readonly gainSeconds: number | undefined;
  readonly costSeconds: number | undefined;
}

/** Whether the plan is to be searched for beyond what a quick look does. */
export function wantsSearch({ placementPolicy, objective }: Pick<LiveLook, 'placementPolicy' | 'objective'>): boolean {
  return placementPolicy === 'best' || objective === 'predicted';
}

/**
 * One quick look at the swarm as it is: what GBP-CR would make of it, whether that is worth the moves,
 * and the plan that is then in force, with its own chains and bounds. Where a careful search follows
 * (`wantsSearch`), servers that serve move for lost blocks and overload only: all else waits for it. Pure.
 */
export function lookAtPlan(look: LiveLook): LookOutcome {
  if (!wantsSearch(look)) return decide(look, makeRoomiestPlan(snapshotOf(look)));
  const pinnedSpans = isUrgent(look) ? look.pinnedSpans : new Map([...spansById(look.current), ...look.pinnedSpans]);
  const { placementPolicy, objective } = look;
  const quick: LiveLook = {
    ...look,
    pinnedSpans,
    placementPolicy: placementPolicy === 'best' ? 'gbp-cr-fill' : placementPolicy,
    objective: objective === 'predicted' ? 'lower' : objective,
  };
  return decide(quick, makeRoomiestPlan(snapshotOf(quick)));
}

/** Arrival rates are estimates, and requests come together: moves by choice must do no harm at so many times the rate. */
const RESERVE_FACTOR = 2;

/**
 * The careful search: the same, with the plan that the configured placement and objective find within the
 * limit. By `predicted`, what moves gain and cost is judged by prediction too. It moves a server that serves only
 * where that leaves the swarm no less to fall back on, at a higher rate and after a loss. Pure but for the limit.
 * @param predictorFor predicts at an arrival rate; asked with `predicted` only
 */
export function searchForPlan(
  look: LiveLook,
  limit: SearchLimit,
  predictorFor: (arrivalRatePerSecond: number) => ResponsePredictor,
): LookOutcome {
  const isPredicted = look.objective === 'predicted';
  const predictor = isPredicted ? predictorFor(look.arrivalRatePerSecond) : undefined;
  const arrivalRatePerSecond = RESERVE_FACTOR * look.arrivalRatePerSecond;
  const reserve: SwarmDemand = {
    model: look.model,
    servers: look.servers,
    pinned: new Set(),
    arrivalRatePerSecond,
    predictor: isPredicted ? predictorFor(arrivalRatePerSecond) : undefined,
  };
  const wanted = makePlan({ ...snapshotOf(look), predictor, searchLimit: limit });
  return decide(look, wanted, predictor, reserve);
}

/** Blocks are lost, or more arrives than is served. */
function isUrgent(look: LiveLook): boolean {
  const outlook = placementOutlook({ ...look, pinned: new Set() }, look.current);
  return outlook.uncoveredBlocks > 0 || !Number.isFinite(outlook.responseSeconds);
}

function decide(
  look: LiveLook,
  wanted: PlanningResult,
  predictor?: ResponsePredictor,
  reserve?: SwarmDemand,
): LookOutcome {
  if (wanted.kind === 'infeasible') return { result: wanted, decision: undefined, moves: [] };
  const input: ReplanInput = {
    ...look,
    wanted: wanted.placement,
    reservedSlots: wanted.reservedSlots,
    pinned: new Set(look.pinnedSpans.keys()),
    predictor,
    reserve,
  };
  const decision = decideReplan(input);
  if (decision.kind === 'keep') {
    const { reason } = decision;
    return {
      result: describe(look, wanted, look.current, predictor),
      decision: { kind: 'keep', reason, gainSeconds: undefined, costSeconds: undefined },
      moves: [],
    };
  }
  const { reason, gainSeconds, costSeconds, placement, moves } = decision;
  return {
    result: describe(look, wanted, placement, predictor),
    decision: {
      kind: 'change',
      reason,
      gainSeconds: Number.isFinite(gainSeconds) ? gainSeconds : undefined,
      costSeconds,
    },
    moves,
  };
}

/** The plan that a placement makes: the wanted one's own, or its figures computed for the other placement. */
function describe(
  look: LiveLook,
  plan: FeasiblePlan,
  placement: Placement,
  predictor: ResponsePredictor | undefined,
): PlanningResult {
  if (placement === plan.placement || placement.length === 0) return plan;
  const hosting = spansById(placement);
  const described = makePlan({
    ...snapshotOf(look),
    servers: look.servers.filter((server) => hosting.has(server.id)),
    reservedSlots: 1,
    placementPolicy: 'gbp-cr-fill',
    pinnedSpans: hosting,
    predictor,
  });
  if (described.kind === 'infeasible') return described;
  const { placementPolicy, objective, reservedSlots, search } = plan;
  return { ...described, placementPolicy, objective, reservedSlots, ...(search === undefined ? {} : { search }) };
}

function snapshotOf(look: LiveLook): PlanningSnapshot {
  const { model, servers, arrivalRatePerSecond, maxLoad, placementPolicy, objective, reservedSlots, pinnedSpans } =
    look;
  return { model, servers, arrivalRatePerSecond, maxLoad, placementPolicy, objective, reservedSlots, pinnedSpans };
}

function spansById(placement: Placement): Map<string, Span> {
  return new Map(
    placement.map(({ serverId, firstBlock, blockCount }) => [serverId, { firstBlock, blockCount }] as const),
  );
}
