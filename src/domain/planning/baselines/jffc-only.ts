import type { IndexedPlacement, IndexedSwarm } from '../indexed-swarm.ts';

/**
 * No chains at all, a baseline: each server with memory for the whole model and `reservedSlots` sessions
 * holds all of it, and is a chain of its own; smaller servers hold nothing. Pinned servers stay.   O(J)
 */
export function placeWholeModels(swarm: IndexedSwarm, reservedSlots: number): IndexedPlacement {
  const needed = swarm.blockCount * (swarm.blockBytes + reservedSlots * swarm.cacheBytesPerBlock);
  const firstBlock = new Int32Array(swarm.serverIds.length);
  const blockCount = Int32Array.from(swarm.memoryBytes, (memory) => (memory >= needed ? swarm.blockCount : 0));
  for (const [j, span] of swarm.pinned) {
    firstBlock[j] = span.firstBlock;
    blockCount[j] = span.blockCount;
  }
  return { firstBlock, blockCount };
}
