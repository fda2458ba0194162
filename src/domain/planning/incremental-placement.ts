import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import { countNewBlocks, endBlock } from '../model/span.ts';
import { findRepairs } from './coverage-repair.ts';
import {
  blockCoverage,
  isBetterOutlook,
  type PlacementOutlook,
  placementOutlook,
  type SwarmDemand,
} from './placement-outlook.ts';
import { blocksThatFit, promisingPositions } from './span-positions.ts';

/** Positions of one server that are looked at. */
const POSITIONS = 12;

/** Servers that one look at improvements would move, and those it considers for each. */
const MAX_IMPROVING_MOVES = 2;
const MOVABLE_SERVERS = 8;

/** A placement with what it promises. */
export interface JudgedPlacement {
  readonly placement: Placement;
  readonly outlook: PlacementOutlook;
}

export function judge(demand: SwarmDemand, placement: Placement): JudgedPlacement {
  return { placement, outlook: placementOutlook(demand, placement) };
}

/** How many more placements may be judged: each costs a run of GCA. */
export class TrialBudget {
  #left: number;

  constructor(trials: number) {
    this.#left = trials;
  }

  /** @returns false: none is left */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}

/**
 * Gives servers that hold nothing a span each, and leaves all others alone: each in turn, the one with
 * the most memory first, gets the position that promises most with those before it (of those that promise
 * about as much, the one that leaves fewest blocks to a single server), and none where it would help nobody. What a join needs at the least. At most 12 outlooks per idle server.
 */
export function placeIdleServers(
  demand: SwarmDemand,
  current: JudgedPlacement,
  reservedSlots: number,
  budget: TrialBudget,
): JudgedPlacement {
  let best = current;
  const hosting = new Set(current.placement.map((span) => span.serverId));
  const idle = demand.servers.filter((server) => !hosting.has(server.id) && !demand.pinned.has(server.id));
  for (const server of idle.sort((a, b) => b.memoryBytes - a.memoryBytes))
    best = safestPosition(demand, best, server, reservedSlots, budget) ?? best;
  return best;
}

/**
 * Covers what is uncovered by moving as few servers as it takes (three at most). Of those ways one that
 * keeps up with the arrivals, if there is any, and of them the one that is loaded first: nothing is served
 * until then. Undefined when three moves are not enough.
 */
export function repairCoverage(
  demand: SwarmDemand,
  current: Placement,
  reservedSlots: number,
  budget: TrialBudget,
): JudgedPlacement | undefined {
  let best: Repair | undefined;
  for (const placement of findRepairs(demand, current, reservedSlots)) {
    if (best !== undefined && !budget.take()) break;
    const judged = { ...judge(demand, placement), blocks: longestLoad(current, placement) };
    if (best === undefined || isBetterRepair(judged, best)) best = judged;
  }
  return best;
}

interface Repair extends JudgedPlacement {
  /** Blocks that the server with most to load must load. */
  readonly blocks: number;
}

function isBetterRepair(a: Repair, b: Repair): boolean {
  const keepsUp = ({ outlook }: Repair): boolean => Number.isFinite(outlook.responseSeconds);
  if (keepsUp(a) !== keepsUp(b)) return keepsUp(a);
  return a.blocks === b.blocks ? isBetterOutlook(a.outlook, b.outlook) : a.blocks < b.blocks;
}

function longestLoad(before: Placement, after: Placement): number {
  const old = new Map(before.map((span) => [span.serverId, span]));
  return after.reduce((most, span) => Math.max(most, countNewBlocks(old.get(span.serverId), span)), 0);
}

/**
 * Better placements that move one server, then two: each time a server that others can do without, the
 * least used ones first. Each placement of the list is better than the one before it.
 */
export function improveByMoves(
  demand: SwarmDemand,
  current: JudgedPlacement,
  reservedSlots: number,
  budget: TrialBudget,
): readonly JudgedPlacement[] {
  let best = current;
  const improved: JudgedPlacement[] = [];
  for (let moves = 0; moves < MAX_IMPROVING_MOVES; moves += 1) {
    const base = best;
    for (const server of dispensableServers(demand, base))
      best = bestPosition(demand, best, server, reservedSlots, budget, base.placement) ?? best;
    if (best === base) break;
    improved.push(best);
  }
  return improved;
}

/** Servers whose blocks others host too, those with the least work first. */
function dispensableServers(demand: SwarmDemand, { placement, outlook }: JudgedPlacement): readonly Server[] {
  const coverage = blockCoverage(demand.model.blockCount, placement);
  const spans = new Map(placement.map((span) => [span.serverId, span]));
  const work = new Map<string, number>();
  for (const chain of outlook.chains) {
    for (const hop of chain.hops)
      work.set(hop.serverId, (work.get(hop.serverId) ?? 0) + chain.slots / chain.serviceSeconds);
  }
  const workOf = (server: Server): number => work.get(server.id) ?? 0;
  return demand.servers
    .filter((server) => {
      const span = spans.get(server.id);
      if (span === undefined || demand.pinned.has(server.id)) return false;
      return coverage.subarray(span.firstBlock, endBlock(span)).every((servers) => servers > 1);
    })
    .sort((a, b) => workOf(a) - workOf(b))
    .slice(0, MOVABLE_SERVERS);
}

/** How much worse than the best of its positions an idle server's may be where it makes the swarm safer. */
const SAFETY_TOLERANCE = 0.02;

/** The position of an idle server that leaves fewest blocks to a single server, among those that promise about most. */
function safestPosition(
  demand: SwarmDemand,
  base: JudgedPlacement,
  server: Server,
  reservedSlots: number,
  budget: TrialBudget,
): JudgedPlacement | undefined {
  const helpful = positionsOf(demand, base.placement, server, reservedSlots, budget).filter(
    ({ outlook }) =>
      isBetterOutlook(outlook, base.outlook) ||
      (outlook.uncoveredBlocks === base.outlook.uncoveredBlocks &&
        outlook.responseSeconds === base.outlook.responseSeconds &&
        outlook.thinBlocks < base.outlook.thinBlocks),
  );
  const best = helpful.reduce<JudgedPlacement | undefined>(
    (a, b) => (a === undefined || isBetterOutlook(b.outlook, a.outlook) ? b : a),
    undefined,
  );
  if (best === undefined) return undefined;
  const { uncoveredBlocks, responseSeconds } = best.outlook;
  return helpful
    .filter(
      ({ outlook }) =>
        outlook.uncoveredBlocks === uncoveredBlocks &&
        outlook.responseSeconds <= (1 + SAFETY_TOLERANCE) * responseSeconds,
    )
    .reduce((a, b) => (b.outlook.thinBlocks < a.outlook.thinBlocks ? b : a), best);
}

/** The best of one server's promising positions over `base`, where it is better than `toBeat`. */
function bestPosition(
  demand: SwarmDemand,
  toBeat: JudgedPlacement,
  server: Server,
  reservedSlots: number,
  budget: TrialBudget,
  base: Placement,
): JudgedPlacement | undefined {
  let best: JudgedPlacement | undefined;
  for (const judged of positionsOf(demand, base, server, reservedSlots, budget))
    if (isBetterOutlook(judged.outlook, (best ?? toBeat).outlook)) best = judged;
  return best;
}

/** Placements that differ from `base` in the position of one server, the promising ones of them. */
function positionsOf(
  demand: SwarmDemand,
  base: Placement,
  server: Server,
  reservedSlots: number,
  budget: TrialBudget,
): readonly JudgedPlacement[] {
  const { model } = demand;
  const blockCount = blocksThatFit(model, server, reservedSlots) || blocksThatFit(model, server, 1);
  if (blockCount === 0) return [];
  const others = base.filter((span) => span.serverId !== server.id);
  const judged: JudgedPlacement[] = [];
  for (const firstBlock of promisingPositions(demand, others, blockCount, POSITIONS)) {
    if (!budget.take()) break;
    const placement = [...others, { serverId: server.id, firstBlock, blockCount }];
    judged.push(judge(demand, inServerOrder(demand, placement)));
  }
  return judged;
}

function inServerOrder(demand: SwarmDemand, spans: readonly PlacedSpan[]): PlacedSpan[] {
  const byId = new Map(spans.map((span) => [span.serverId, span]));
  return demand.servers.flatMap((server) => byId.get(server.id) ?? []);
}
