import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import { isBetterOutlook, type PlacementOutlook, placementOutlook, type SwarmDemand } from './placement-outlook.ts';

/** Spans that a repair tries to move, at most: a few servers out of place are cheaper than a new plan. */
const MAX_REPAIR_MOVES = 3;

/** Placements looked at in one repair step; beyond it the servers with the most room go first. */
const MAX_TRIALS = 4_000;

interface Candidate {
  readonly placement: Placement;
  readonly outlook: PlacementOutlook;
}

/**
 * Blocks that a server can host beside caches of `reservedSlots` sessions: m_j(c) of GBP-CR.
 */
function blocksThatFit(demand: SwarmDemand, server: Server, reservedSlots: number): number {
  const { blockBytes, cacheBytesPerBlock, blockCount } = demand.model;
  return Math.min(blockCount, Math.floor(server.memoryBytes / (blockBytes + reservedSlots * cacheBytesPerBlock)));
}

/**
 * Gives servers that hold nothing a span each, and leaves all others alone: each in turn gets the
 * position that promises most with those before it. What a join needs at the least.
 * O(idle servers x blocks) outlooks.
 */
export function placeIdleServers(demand: SwarmDemand, current: Placement, reservedSlots: number): Placement {
  let best: Candidate = { placement: current, outlook: placementOutlook(demand, current) };
  const hosting = new Set(current.map((span) => span.serverId));
  for (const server of demand.servers) {
    if (!hosting.has(server.id) && !demand.pinned.has(server.id))
      best = bestPosition(demand, best, server, reservedSlots) ?? best;
  }
  return best.placement;
}

/**
 * Covers what is uncovered by moving as few servers as it takes (three at most): one after another,
 * the move that covers most, and among equals promises most. Undefined when that does not cover all.
 */
export function repairCoverage(demand: SwarmDemand, current: Placement, reservedSlots: number): Placement | undefined {
  let best: Candidate = { placement: current, outlook: placementOutlook(demand, current) };
  for (let moves = 0; moves < MAX_REPAIR_MOVES && best.outlook.uncoveredBlocks > 0; moves += 1) {
    const next = bestMove(demand, best, reservedSlots);
    if (next === undefined) return undefined;
    best = next;
  }
  return best.outlook.uncoveredBlocks === 0 && best.outlook.chains.length > 0 ? best.placement : undefined;
}

/** The best placement that differs from `from` in the span of one server; undefined when none is better. */
function bestMove(demand: SwarmDemand, from: Candidate, reservedSlots: number): Candidate | undefined {
  const perServer = Math.max(1, Math.floor(MAX_TRIALS / demand.model.blockCount));
  const byRoom = demand.servers
    .filter((server) => !demand.pinned.has(server.id))
    .sort((a, b) => b.memoryBytes - a.memoryBytes)
    .slice(0, perServer);
  let best: Candidate | undefined;
  for (const server of byRoom) {
    const next = bestPosition(demand, best ?? from, server, reservedSlots, from.placement);
    best = next ?? best;
  }
  return best;
}

/** The best of all positions of one server over `base`, where it is better than `toBeat`. */
function bestPosition(
  demand: SwarmDemand,
  toBeat: Candidate,
  server: Server,
  reservedSlots: number,
  base: Placement = toBeat.placement,
): Candidate | undefined {
  const blockCount = blocksThatFit(demand, server, reservedSlots) || blocksThatFit(demand, server, 1);
  if (blockCount === 0) return undefined;
  const others = base.filter((span) => span.serverId !== server.id);
  let best: Candidate | undefined;
  for (let firstBlock = 0; firstBlock + blockCount <= demand.model.blockCount; firstBlock += 1) {
    const placement = inServerOrder(demand, [...others, { serverId: server.id, firstBlock, blockCount }]);
    const outlook = placementOutlook(demand, placement);
    if (isBetterOutlook(outlook, (best ?? toBeat).outlook)) best = { placement, outlook };
  }
  return best;
}

function inServerOrder(demand: SwarmDemand, spans: readonly PlacedSpan[]): PlacedSpan[] {
  const byId = new Map(spans.map((span) => [span.serverId, span]));
  return demand.servers.flatMap((server) => byId.get(server.id) ?? []);
}
