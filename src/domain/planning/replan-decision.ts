import type { PlacedSpan, Placement } from '../model/placement.ts';
import { isSameSpan } from '../model/span.ts';
import { placeIdleServers, repairCoverage } from './incremental-placement.ts';
import { type PlacementOutlook, placementOutlook, type SwarmDemand } from './placement-outlook.ts';

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
      /** Seconds of response time saved over the horizon, summed over its requests; infinite for lost coverage. */
      readonly gainSeconds: number;
      /** Seconds of response time lost while servers load, summed over its requests. */
      readonly costSeconds: number;
    };

/** How much worse than the better of two placements one may be and still win by moving fewer servers. */
const TOLERANCE = 0.02;

/**
 * Whether a changed swarm is worth a changed placement, and which. Three are weighed: what is there
 * (with idle servers given a span: nobody has to move for that), the fewest moves that cover everything
 * again, and the planner's own choice. Lost coverage is repaired at once; otherwise a change must gain,
 * over the horizon, more than its moves cost while blocks load. Pure.
 *
 * The cost of a move: while moved servers load (the slowest of them: they load at the same time), the
 * requests of that time see the response time of the servers that stay.
 */
export function decideReplan(input: ReplanInput): ReplanDecision {
  const kept = placementOutlook(input, input.current);
  const grown = placeIdleServers(input, input.current, input.reservedSlots);
  const candidates = [grown];
  if (kept.uncoveredBlocks > 0 || kept.chains.length === 0) {
    const repaired = repairCoverage(input, grown, input.reservedSlots);
    if (repaired !== undefined) candidates.push(repaired);
  }
  if (input.wanted !== undefined) candidates.push(input.wanted);
  const changes = candidates
    .map((placement) => assess(input, kept, placement))
    .filter((change) => change.moves.length > 0);
  const best = changes.reduce<Change | undefined>((a, b) => (a === undefined || isPreferred(b, a) ? b : a), undefined);
  if (best === undefined) return { kind: 'keep', reason: 'nothing would change', outlook: kept };
  const refusal = whyNot(input, kept, best);
  return refusal === undefined ? best : { kind: 'keep', reason: refusal, outlook: kept };
}

type Change = ReplanDecision & { kind: 'change' };

function assess(input: ReplanInput, kept: PlacementOutlook, placement: Placement): Change {
  const before = new Map(input.current.map((span) => [span.serverId, span]));
  const after = new Map(placement.map((span) => [span.serverId, span]));
  const moves: PlacedSpan[] = [];
  for (const span of placement) {
    const old = before.get(span.serverId);
    if (old === undefined || !isSameSpan(old, span)) moves.push(span);
  }
  const emptied = input.current
    .filter((span) => !after.has(span.serverId))
    .map((span) => ({ ...span, firstBlock: 0, blockCount: 0 }));
  const outlook = placementOutlook(input, placement);
  const displaced = moves.filter((move) => before.has(move.serverId));
  const loadSeconds = Math.max(
    0,
    ...moves.map((move) => input.secondsPerBlock * newBlocks(before.get(move.serverId), move)),
  );
  const gainSeconds = gainOver(input, kept, outlook, loadSeconds);
  const costSeconds = displaced.length === 0 ? 0 : costOf(input, kept, displaced, loadSeconds);
  return {
    kind: 'change',
    reason: reasonOf(kept, outlook, moves, displaced.length),
    placement,
    outlook,
    moves: [...moves, ...emptied],
    gainSeconds,
    costSeconds,
  };
}

/** Summed response time saved by the requests of the horizon, once everything is loaded. */
function gainOver(input: ReplanInput, kept: PlacementOutlook, outlook: PlacementOutlook, loadSeconds: number): number {
  if (outlook.responseSeconds === kept.responseSeconds) return 0;
  const requests = input.arrivalRatePerSecond * Math.max(0, input.horizonSeconds - loadSeconds);
  return requests * (kept.responseSeconds - outlook.responseSeconds);
}

/** Summed response time lost by the requests that arrive while the displaced servers load. */
function costOf(
  input: ReplanInput,
  kept: PlacementOutlook,
  displaced: readonly PlacedSpan[],
  loadSeconds: number,
): number {
  const away = new Set(displaced.map((move) => move.serverId));
  const meanwhile = placementOutlook(
    input,
    input.current.filter((span) => !away.has(span.serverId)),
  );
  const requests = input.arrivalRatePerSecond * loadSeconds;
  if (!Number.isFinite(kept.responseSeconds)) return 0;
  // Without any chain, or with too few, requests wait until the load is over: half of it on average.
  const worse = Number.isFinite(meanwhile.responseSeconds)
    ? meanwhile.responseSeconds - kept.responseSeconds
    : loadSeconds / 2;
  return requests * Math.max(0, worse);
}

/** Which of two changes to make: the one that covers more, then the larger net gain, and fewer moves where they are about equal. */
function isPreferred(a: Change, b: Change): boolean {
  if (a.outlook.uncoveredBlocks !== b.outlook.uncoveredBlocks)
    return a.outlook.uncoveredBlocks < b.outlook.uncoveredBlocks;
  const isServingA = a.outlook.chains.length > 0;
  if (isServingA !== b.outlook.chains.length > 0) return isServingA;
  const responseA = a.outlook.responseSeconds;
  const responseB = b.outlook.responseSeconds;
  const areAlike =
    responseA === responseB || Math.abs(responseA - responseB) <= TOLERANCE * Math.min(responseA, responseB);
  if (areAlike && a.moves.length !== b.moves.length) return a.moves.length < b.moves.length;
  const netA = a.gainSeconds - a.costSeconds;
  const netB = b.gainSeconds - b.costSeconds;
  if (Number.isFinite(netA) && Number.isFinite(netB)) return netA > netB;
  if (responseA !== responseB) return responseA < responseB;
  return a.moves.length < b.moves.length;
}

/** Why the best change is not made; undefined: it is. */
function whyNot(input: ReplanInput, kept: PlacementOutlook, best: Change): string | undefined {
  const displaces = best.moves.some((move) => input.current.some((span) => span.serverId === move.serverId));
  const coversMore =
    best.outlook.uncoveredBlocks < kept.uncoveredBlocks || (kept.chains.length === 0 && best.outlook.chains.length > 0);
  if (coversMore) return undefined;
  if (best.outlook.uncoveredBlocks > kept.uncoveredBlocks) return 'every change would uncover blocks';
  // Idle servers get their span whenever that does no harm: it costs nobody anything.
  if (!displaces) return best.outlook.responseSeconds <= kept.responseSeconds ? undefined : 'no idle server would help';
  if (!Number.isFinite(kept.responseSeconds)) {
    const isMore = best.outlook.serviceRatePerSecond > (1 + input.minimumGain) * kept.serviceRatePerSecond;
    return Number.isFinite(best.outlook.responseSeconds) || isMore
      ? undefined
      : 'the swarm is overloaded, and no change would serve much more';
  }
  const share = (kept.responseSeconds - best.outlook.responseSeconds) / kept.responseSeconds;
  if (share < input.minimumGain)
    return `the best change gains ${percent(share)} of the response time, less than ${percent(input.minimumGain)}`;
  if (best.gainSeconds <= best.costSeconds) {
    return `the best change gains ${best.gainSeconds.toFixed(1)} s over the horizon, and moving costs ${best.costSeconds.toFixed(1)} s`;
  }
  return undefined;
}

function reasonOf(
  kept: PlacementOutlook,
  outlook: PlacementOutlook,
  moves: readonly PlacedSpan[],
  displaced: number,
): string {
  const what = `${moves.length} spans to load, ${displaced} of them by servers that must move`;
  if (outlook.uncoveredBlocks < kept.uncoveredBlocks)
    return `covers ${kept.uncoveredBlocks - outlook.uncoveredBlocks} lost blocks: ${what}`;
  const from = Number.isFinite(kept.responseSeconds) ? `${kept.responseSeconds.toFixed(3)} s` : 'unbounded';
  const to = Number.isFinite(outlook.responseSeconds) ? `${outlook.responseSeconds.toFixed(3)} s` : 'unbounded';
  return `mean response from ${from} to ${to}: ${what}`;
}

/** Blocks of a move that the server does not have yet. */
function newBlocks(before: PlacedSpan | undefined, after: PlacedSpan): number {
  if (before === undefined) return after.blockCount;
  const shared =
    Math.min(before.firstBlock + before.blockCount, after.firstBlock + after.blockCount) -
    Math.max(before.firstBlock, after.firstBlock);
  return after.blockCount - Math.max(0, shared);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
