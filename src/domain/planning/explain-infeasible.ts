import type { BaselineResult } from './baselines/place-baseline.ts';
import { placeGreedily, reservedBlockCounts, stopAfterChains, uncoveredBlocks } from './gbp-cr.ts';
import { cacheSlots } from './gca.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';

/**
 * Why no plan exists with `reservedSlots` sessions of cache per block, in words for the operator: how
 * many blocks find a place against how many there are, and what one more place costs.
 * @param reservedSlots c, integer >= 1 (1 is the most generous)   O(J log J)
 */
export function explainInfeasible(swarm: IndexedSwarm, reservedSlots: number): string {
  const modelBlocks = swarm.blockCount;
  const perBlock = swarm.blockBytes + reservedSlots * swarm.cacheBytesPerBlock;
  const price =
    `a block takes ${bytes(perBlock)} (${bytes(swarm.blockBytes)} of parameters and ` +
    `${bytes(reservedSlots * swarm.cacheBytesPerBlock)} of cache for ${reservedSlots} ${plural(reservedSlots, 'session')})`;
  if (swarm.serverIds.length === 0) return `no servers: ${modelBlocks} blocks need a place, and ${price}`;

  const blockCounts = reservedBlockCounts(swarm, reservedSlots);
  const placement = stopAfterChains(placeGreedily(swarm, blockCounts), swarm);
  const missing = uncoveredBlocks(placement, modelBlocks);
  if (missing > 0) {
    const places = blockCounts.reduce((sum, count) => sum + count, 0);
    const largest = swarm.memoryBytes.reduce((most, memory) => Math.max(most, memory), 0);
    const sizes = places === 0 ? `; the largest server has ${bytes(largest)}` : '';
    const held =
      swarm.pinned.size > 0
        ? `${modelBlocks - missing} of ${modelBlocks} blocks have a server (${swarm.pinned.size} ${plural(swarm.pinned.size, 'server')} pinned)`
        : `the servers have places for ${places} of ${modelBlocks} blocks`;
    return `${held} and ${price}${sizes}; ${missing} more block ${plural(missing, 'place')} would do: ${bytes(missing * perBlock)} of memory${fewerSlots(swarm, reservedSlots)}`;
  }
  return explainFullServers(swarm, placement);
}

/** Why a baseline's placement serves nothing: blocks it left out, or no room for a session.   O(J + L) */
export function explainPlacement(swarm: IndexedSwarm, baseline: BaselineResult): string {
  const { placement, reservedSlots } = baseline;
  const missing = uncoveredBlocks(placement, swarm.blockCount);
  if (missing === 0) return explainFullServers(swarm, placement);
  const placed = placement.blockCount.reduce((servers, count) => servers + Math.min(count, 1), 0);
  return (
    `this placement leaves ${missing} of ${swarm.blockCount} blocks without a server: ` +
    `${placed} of ${swarm.serverIds.length} servers hold blocks, with cache for ${reservedSlots} ` +
    `${plural(reservedSlots, 'session')} each; another placement or fewer reserved slots may do`
  );
}

function explainFullServers(swarm: IndexedSwarm, placement: IndexedPlacement): string {
  const slots = cacheSlots(swarm, placement);
  const full = swarm.serverIds.filter((_, j) => (placement.blockCount[j] ?? 0) > 0 && (slots[j] ?? 0) < 1);
  return (
    `every block has a server, but no chain of servers has cache left for one session of ` +
    `${bytes(swarm.cacheBytesPerBlock)} per block: ${full.length} ${plural(full.length, 'server')} ` +
    `(${full.slice(0, 3).join(', ')}${full.length > 3 ? ', ...' : ''}) hold too many blocks for their memory`
  );
}

function fewerSlots(swarm: IndexedSwarm, reservedSlots: number): string {
  if (reservedSlots === 1) return '';
  const blockCounts = reservedBlockCounts(swarm, 1);
  const placement = stopAfterChains(placeGreedily(swarm, blockCounts), swarm);
  return uncoveredBlocks(placement, swarm.blockCount) === 0 ? ', or fewer reserved slots' : '';
}

/** Decimal units, as memory is sold: `1.43 GB`. */
function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(4))} ${units[unit]}`;
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}
