import type { PlacedSpan, Placement } from '../model/placement.ts';
import { countNewBlocks, isSameSpan } from '../model/span.ts';
import {
  improveByMoves,
  type JudgedPlacement,
  judge,
  placeIdleServers,
  repairCoverage,
  TrialBudget,
} from './incremental-placement.ts';
import { type PlacementOutlook, placementOutlook, type SwarmDemand } from './placement-outlook.ts';
import { canRollOut } from './rollout-wave.ts';

export interface ReplanInput extends SwarmDemand {
  /** What servers host now or are already loading; servers that have gone are absent. */
  readonly current: Placement;
  /** What the planner would choose for these servers from nothing; undefined when it finds nothing. */
  readonly wanted: Placement | undefined;
  /** c of the wanted plan, for servers placed one by one. */
  readonly reservedSlots: number;
  /** How long one server takes to load one block, seconds > 0. */
  readonly secondsPerBlock: number;
  /** How far ahead a gain counts, seconds > 0. */
  readonly horizonSeconds: number;
  /** Share of the response time that a change must gain at least, >= 0: what keeps plans from flapping. */
  readonly minimumGain: number;
  /**
   * A heavier demand for the same servers: a change by choice must not serve it worse than what is there, nor leave
   * more blocks to a single server. Undefined: the gain alone decides.
   */
  readonly reserve?: SwarmDemand | undefined;
}

export type ReplanDecision =
  | { readonly kind: 'keep'; readonly reason: string; readonly outlook: PlacementOutlook }
  | {
      readonly kind: 'change';
      readonly reason: string;
      readonly placement: Placement;
      readonly outlook: PlacementOutlook;
      /** Servers that get another span than they have. */
      readonly moves: readonly PlacedSpan[];
      /** Of those, servers that host something now. */
      readonly displaced: number;
      /** Seconds of response time saved over the horizon, summed over its requests; infinite for lost coverage. */
      readonly gainSeconds: number;
      /** Until the slowest of the moved servers has loaded. */
      readonly loadSeconds: number;
      /** Seconds of response time lost while servers load, summed over its requests. */
      readonly costSeconds: number;
    };

/** How much worse than the better of two placements one may be and still win by moving fewer servers. */
const TOLERANCE = 0.02;

/** Placements judged in one decision: about a tenth of a second for 50 servers, a second for 1,000. */
const MAX_TRIALS = 200;

/** In very large swarms fewer, since each trial takes longer: servers times trials. */
const MAX_TRIAL_SERVERS = 80_000;

/**
 * Whether a changed swarm is worth a changed placement, and which. Weighed are: what is there, with
 * idle servers given a span (nobody has to move for that); the fewest moves that cover everything
 * again; one or two servers moved to where they help more; and the planner's own choice from nothing,
 * for all servers or for the idle ones alone. Lost coverage is repaired at once, with the fewest
 * moves; otherwise a change must gain, over the horizon, more than its moves cost while blocks load.
 * Pure. At most `MAX_TRIALS` outlooks and a bounded search for repairs; with a predictor about 15 estimates more.
 *
 * The cost of a move: while moved servers load (the slowest of them: they load at the same time), the
 * requests of that time see the response time of the servers that stay.
 */
export function decideReplan(input: ReplanInput): ReplanDecision {
  const kept = placementOutlook(input, input.current);
  const changes = foundPlacements(input, kept)
    .map((candidate) => assess(input, kept, candidate))
    .filter((change) => change.moves.length > 0);
  // What nobody has to move for is had for nothing: moves must gain beyond it.
  const free = changes
    .filter((change) => change.displaced === 0 && whyNot(input, kept, change) === undefined)
    .reduce<Change | undefined>((a, b) => (a === undefined || isPreferred(b, a) ? b : a), undefined);
  const base = free?.outlook ?? kept;
  let best = free;
  let refused: { readonly why: string; readonly responseSeconds: number } | undefined;
  for (const assessed of changes) {
    if (assessed.displaced === 0) continue;
    const change = { ...assessed, gainSeconds: gainOver(input, base, assessed) };
    const why = whyNot(input, base, change);
    if (why !== undefined) {
      const { responseSeconds } = change.outlook;
      if (refused === undefined || responseSeconds < refused.responseSeconds) refused = { why, responseSeconds };
    } else if (best === undefined || isPreferred(change, best)) best = change;
  }
  if (best === undefined) return { kind: 'keep', reason: refused?.why ?? 'nothing would change', outlook: kept };
  return best;
}

/** Placements are searched for by the bound, which is cheap; a predictor then judges the few that were found. */
function foundPlacements(input: ReplanInput, kept: PlacementOutlook): JudgedPlacement[] {
  const budget = new TrialBudget(Math.min(MAX_TRIALS, Math.floor(MAX_TRIAL_SERVERS / (input.servers.length + 1))));
  if (input.predictor === undefined) return candidatePlacements(input, kept, budget);
  const byBound = { ...input, predictor: undefined };
  return candidatePlacements(byBound, placementOutlook(byBound, input.current), budget)
    .filter(({ placement }) => placement !== input.current)
    .map(({ placement }) => judge(input, placement));
}

/** Placements that may be better than the present one, those with few moves first. */
function candidatePlacements(input: ReplanInput, kept: PlacementOutlook, budget: TrialBudget): JudgedPlacement[] {
  const { current, wanted, reservedSlots } = input;
  const candidates: JudgedPlacement[] = [];
  const present = { placement: current, outlook: kept };
  // Where nobody hosts anything yet, the planner's choice is as good as placing one by one, and quicker.
  const isFresh = current.length === 0 && wanted !== undefined;
  const grown = isFresh ? present : placeIdleServers(input, present, reservedSlots, budget);
  candidates.push(grown);
  if (!isFresh && kept.uncoveredBlocks > 0) {
    const repaired = repairCoverage(input, current, reservedSlots, budget);
    if (repaired !== undefined) candidates.push(repaired, placeIdleServers(input, repaired, reservedSlots, budget));
  }
  if (wanted !== undefined) {
    candidates.push(judge(input, withoutMoves(input, wanted)));
    candidates.push(judge(input, withoutEmptying(input, wanted)), judge(input, wanted));
  }
  if (kept.uncoveredBlocks === 0) candidates.push(...improveByMoves(input, grown, reservedSlots, budget));
  return candidates;
}

/** What is there, and the planner's choice for the idle servers. */
function withoutMoves({ current, servers }: ReplanInput, wanted: Placement): Placement {
  const spans = new Map([...wanted, ...current].map((span) => [span.serverId, span]));
  return servers.flatMap((server) => spans.get(server.id) ?? []);
}

/** The planner's choice, and servers that it has no use for go on with what they host. */
function withoutEmptying({ current, servers }: ReplanInput, wanted: Placement): Placement {
  const spans = new Map([...current, ...wanted].map((span) => [span.serverId, span]));
  return servers.flatMap((server) => spans.get(server.id) ?? []);
}

type Change = ReplanDecision & { kind: 'change' };

/** @param kept outlook of what is there: what the gain is measured against */
function assess(input: ReplanInput, kept: PlacementOutlook, { placement, outlook }: JudgedPlacement): Change {
  const before = new Map(input.current.map((span) => [span.serverId, span]));
  const after = new Set(placement.map((span) => span.serverId));
  const loads = placement.filter((span) => {
    const old = before.get(span.serverId);
    return old === undefined || !isSameSpan(old, span);
  });
  const emptied = input.current
    .filter((span) => !after.has(span.serverId))
    .map((span) => ({ ...span, firstBlock: 0, blockCount: 0 }));
  const moves = [...loads, ...emptied];
  const displaced = moves.filter((move) => before.has(move.serverId));
  const loadSeconds = loads.reduce(
    (slowest, move) => Math.max(slowest, input.secondsPerBlock * countNewBlocks(before.get(move.serverId), move)),
    0,
  );
  return {
    kind: 'change',
    reason: reasonOf(kept, outlook, loads.length, displaced.length),
    placement,
    outlook,
    moves,
    displaced: displaced.length,
    loadSeconds,
    gainSeconds: gainOver(input, kept, { outlook, loadSeconds }),
    costSeconds: displaced.length === 0 ? 0 : costOf(input, kept, displaced, loadSeconds),
  };
}

/** Summed response time saved by the requests of the horizon, once everything is loaded. */
function gainOver(input: ReplanInput, base: PlacementOutlook, change: Pick<Change, 'outlook' | 'loadSeconds'>): number {
  const { outlook, loadSeconds } = change;
  if (outlook.responseSeconds === base.responseSeconds) return 0;
  const requests = input.arrivalRatePerSecond * Math.max(0, input.horizonSeconds - loadSeconds);
  return requests * (base.responseSeconds - outlook.responseSeconds);
}

/** Summed response time lost by the requests that arrive while the displaced servers load. */
function costOf(
  input: ReplanInput,
  kept: PlacementOutlook,
  displaced: readonly PlacedSpan[],
  loadSeconds: number,
): number {
  if (!Number.isFinite(kept.responseSeconds)) return 0;
  const away = new Set(displaced.map((move) => move.serverId));
  const meanwhile = placementOutlook(
    input,
    input.current.filter((span) => !away.has(span.serverId)),
  );
  const requests = input.arrivalRatePerSecond * loadSeconds;
  // Without any chain, or with too few, requests wait until the load is over: half of it on average.
  const worse = Number.isFinite(meanwhile.responseSeconds)
    ? meanwhile.responseSeconds - kept.responseSeconds
    : loadSeconds / 2;
  return requests * Math.max(0, worse);
}

/**
 * Which of two changes to make, both worth it: the one that covers more; where blocks had been lost, the
 * one that moves fewer servers; else the larger net gain, and fewer moves where they are about equal.
 */
function isPreferred(a: Change, b: Change): boolean {
  if (a.outlook.uncoveredBlocks !== b.outlook.uncoveredBlocks)
    return a.outlook.uncoveredBlocks < b.outlook.uncoveredBlocks;
  const responseA = a.outlook.responseSeconds;
  const responseB = b.outlook.responseSeconds;
  const isRepair = a.gainSeconds === Number.POSITIVE_INFINITY && b.gainSeconds === Number.POSITIVE_INFINITY;
  const areAlike =
    responseA === responseB || Math.abs(responseA - responseB) <= TOLERANCE * Math.min(responseA, responseB);
  if ((areAlike || isRepair) && a.displaced !== b.displaced) return a.displaced < b.displaced;
  if (areAlike && a.moves.length !== b.moves.length && a.displaced > 0) return a.moves.length < b.moves.length;
  const netA = a.gainSeconds - a.costSeconds;
  const netB = b.gainSeconds - b.costSeconds;
  if (Number.isFinite(netA) && Number.isFinite(netB) && netA !== netB) return netA > netB;
  if (responseA !== responseB) return responseA < responseB;
  return a.outlook.serviceRatePerSecond > b.outlook.serviceRatePerSecond;
}

/** Why a change is not made; undefined: it is. */
function whyNot(input: ReplanInput, base: PlacementOutlook, change: Change): string | undefined {
  const { outlook } = change;
  if (outlook.uncoveredBlocks !== base.uncoveredBlocks)
    return outlook.uncoveredBlocks < base.uncoveredBlocks ? undefined : 'every change would uncover blocks';
  if (change.displaced === 0) {
    // Idle servers get their span whenever that does no harm: it costs nobody anything.
    return outlook.responseSeconds <= base.responseSeconds ? undefined : 'no idle server would help';
  }
  if (base.uncoveredBlocks > 0) return 'no change would cover more';
  if (!canRollOut(input.model.blockCount, input.current, change.moves))
    return 'a change would leave blocks without any server while others load';
  if (!Number.isFinite(base.responseSeconds)) {
    const isMore = outlook.serviceRatePerSecond > (1 + input.minimumGain) * base.serviceRatePerSecond;
    return Number.isFinite(outlook.responseSeconds) || isMore
      ? undefined
      : 'the swarm is overloaded, and no change would serve much more';
  }
  const share = (base.responseSeconds - outlook.responseSeconds) / base.responseSeconds;
  if (!(share >= input.minimumGain))
    return share > 0
      ? `a change would gain ${percent(share)} of the response time, less than ${percent(input.minimumGain)}`
      : 'no change would shorten the response time';
  if (change.gainSeconds <= change.costSeconds) {
    return `a change would gain ${change.gainSeconds.toFixed(1)} s over the horizon, and moving costs ${change.costSeconds.toFixed(1)} s`;
  }
  return input.reserve && whyLessSafe(input.reserve, input.current, base, change);
}

/** Why a change would leave less to fall back on; undefined: it does not. */
function whyLessSafe(
  reserve: SwarmDemand,
  current: Placement,
  base: PlacementOutlook,
  { placement, outlook }: Change,
): string | undefined {
  if (outlook.thinBlocks > base.thinBlocks) return 'a change would gain, and leave more blocks to a single server';
  const rate = reserve.arrivalRatePerSecond.toPrecision(2);
  return placementOutlook(reserve, placement).responseSeconds > placementOutlook(reserve, current).responseSeconds
    ? `a change would gain now, and answer more slowly at ${rate} requests per second`
    : undefined;
}

function reasonOf(kept: PlacementOutlook, outlook: PlacementOutlook, loads: number, displaced: number): string {
  const what = `${loads} spans to load, ${displaced} servers that served must change`;
  if (outlook.uncoveredBlocks < kept.uncoveredBlocks)
    return `covers ${kept.uncoveredBlocks - outlook.uncoveredBlocks} lost blocks: ${what}`;
  const from = Number.isFinite(kept.responseSeconds) ? `${kept.responseSeconds.toFixed(3)} s` : 'unbounded';
  const to = Number.isFinite(outlook.responseSeconds) ? `${outlook.responseSeconds.toFixed(3)} s` : 'unbounded';
  return `mean response from ${from} to ${to}: ${what}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
