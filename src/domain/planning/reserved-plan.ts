import { uncoveredBlocks } from './gbp-cr.ts';
import { composeChains } from './gca.ts';
import type { IndexedChain, IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';

/** A placement with its chains for one reserved concurrency c. */
export interface ReservedPlan {
  readonly reservedSlots: number;
  readonly placement: IndexedPlacement;
  /** Ascending by service time; at least one. */
  readonly chains: readonly IndexedChain[];
}

/**
 * The chains of a placement; undefined when a block has no server, no chain has room for a single job, a
 * server has no room for the longest session beside its blocks (where slots are smaller than that), or the
 * fastest chain takes `giveUpAtSeconds` or more.
 */
export function composePlacement(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  reservedSlots: number,
  giveUpAtSeconds = Number.POSITIVE_INFINITY,
): ReservedPlan | undefined {
  if (uncoveredBlocks(placement, swarm.blockCount) > 0 || !hasRoomForLongest(swarm, placement)) return undefined;
  const chains = composeChains(swarm, placement, { giveUpAtSeconds });
  return chains === undefined || chains.length === 0 ? undefined : { reservedSlots, placement, chains };
}

function hasRoomForLongest(swarm: IndexedSwarm, placement: IndexedPlacement): boolean {
  const { blockBytes, leastCacheBytesPerBlock, cacheBytesPerBlock, memoryBytes, pinned } = swarm;
  if (leastCacheBytesPerBlock <= cacheBytesPerBlock) return true;
  return placement.blockCount.every(
    (count, j) => pinned.has(j) || count * (blockBytes + leastCacheBytesPerBlock) <= (memoryBytes[j] ?? 0),
  );
}
