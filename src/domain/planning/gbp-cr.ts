import { endBlock } from '../model/span.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';

/**
 * GBP-CR, greedy block placement with cache reservation: Algorithm 1 of Sun, He, Hou, "Serving
 * Chain-structured Jobs with Large Memory Footprints", arXiv 2604.14993.
 *
 * Servers are taken by their service time per block, fastest first (ties: the caller's order), and
 * laid end to end over the blocks; each time the last block is reached one disjoint chain is closed
 * and the next server starts at block 0 again.
 */

/** The longest form of one greedy placement; a rate target is a stop after the first so many servers of `order`. */
export interface GreedySequence {
  /** m_j(c) by server position; the length of the pinned span for pinned servers. */
  readonly blockCounts: Int32Array;
  /** Positions of the unpinned servers that get blocks, in the order of placing. */
  readonly order: Int32Array;
  /** First block by server position. */
  readonly firstBlocks: Int32Array;
  /** Disjoint chains in the order of their closing. */
  readonly closings: readonly ChainClosing[];
}

export interface ChainClosing {
  /** Servers of `order` placed so far, this chain's last one included. */
  readonly placedServers: number;
  /** Sum of 1/T over the chains closed so far, for one slot each, 1/s. */
  readonly rateOfOneSlot: number;
}

/**
 * m_j(c) = min(floor(M_j / (s_m + c s_c)), L): blocks that a server can host with cache for c jobs on
 * each of them, and for one of the longest session. Exact for integer bytes up to 2^53.
 * @param reservedSlots c, integer >= 1   @returns integers in [0, L] by server position   O(J)
 */
export function reservedBlockCounts(swarm: IndexedSwarm, reservedSlots: number): Int32Array {
  const cacheBytes = Math.max(reservedSlots * swarm.cacheBytesPerBlock, swarm.leastCacheBytesPerBlock);
  const bytesPerBlock = swarm.blockBytes + cacheBytes;
  const counts = new Int32Array(swarm.memoryBytes.length);
  for (let j = 0; j < counts.length; j += 1) {
    counts[j] = Math.min(Math.floor((swarm.memoryBytes[j] ?? 0) / bytesPerBlock), swarm.blockCount);
  }
  for (const [j, span] of swarm.pinned) counts[j] = span.blockCount;
  return counts;
}

/**
 * Lays out every server. Pinned servers keep their blocks and take no part in the order. Where the
 * others alone cannot reach the last block, each starts at the first block that neither a pinned
 * server nor an earlier one holds, so that pinned and free servers complete each other.
 * @param blockCounts of `reservedBlockCounts`   O(J log J)
 */
export function placeGreedily(swarm: IndexedSwarm, blockCounts: Int32Array): GreedySequence {
  const order = orderByTimePerBlock(swarm, blockCounts);
  let places = 0;
  for (const j of order) places += blockCounts[j] ?? 0;
  const firstBlocks = new Int32Array(blockCounts.length);
  for (const [j, span] of swarm.pinned) firstBlocks[j] = span.firstBlock;
  const closings =
    places >= swarm.blockCount || swarm.pinned.size === 0
      ? layEndToEnd(swarm, blockCounts, order, firstBlocks)
      : fillGaps(swarm, blockCounts, order, firstBlocks);
  return { blockCounts, order, firstBlocks, closings };
}

/**
 * How many chains Algorithm 1 closes before it stops: the first whose summed rate reaches
 * lambda / (max load * c). Undefined when no number of chains reaches it.   O(K)
 */
export function chainsForRate(
  sequence: GreedySequence,
  arrivalRatePerSecond: number,
  maxLoad: number,
  reservedSlots: number,
): number | undefined {
  const target = arrivalRatePerSecond / (maxLoad * reservedSlots);
  const index = sequence.closings.findIndex((closing) => closing.rateOfOneSlot >= target);
  return index < 0 ? undefined : index + 1;
}

/**
 * The placement after `chains` closed chains, or with every server when undefined (rate target left
 * out, or never met: the servers of an unfinished chain keep their blocks).   O(J)
 */
export function stopAfterChains(sequence: GreedySequence, swarm: IndexedSwarm, chains?: number): IndexedPlacement {
  const placed = chains === undefined ? sequence.order.length : (sequence.closings[chains - 1]?.placedServers ?? 0);
  const firstBlock = new Int32Array(sequence.blockCounts.length);
  const blockCount = new Int32Array(sequence.blockCounts.length);
  const take = (j: number): void => {
    firstBlock[j] = sequence.firstBlocks[j] ?? 0;
    blockCount[j] = sequence.blockCounts[j] ?? 0;
  };
  for (let i = 0; i < placed; i += 1) take(sequence.order[i] ?? 0);
  for (const j of swarm.pinned.keys()) take(j);
  return { firstBlock, blockCount };
}

/** Blocks that no server of the placement holds.   O(J + L) */
export function uncoveredBlocks(placement: IndexedPlacement, modelBlocks: number): number {
  const held = coverage(modelBlocks);
  placement.blockCount.forEach((count, j) => {
    if (count > 0) held.add(placement.firstBlock[j] ?? 0, count);
  });
  return held.countUncovered();
}

function orderByTimePerBlock(swarm: IndexedSwarm, blockCounts: Int32Array): Int32Array {
  const keys = new Float64Array(blockCounts.length);
  const candidates: number[] = [];
  blockCounts.forEach((count, j) => {
    if (count === 0 || swarm.pinned.has(j)) return;
    keys[j] = serviceSeconds(swarm, j, count) / count;
    candidates.push(j);
  });
  // The caller's order decides ties (candidates are ascending and the sort is stable).
  candidates.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
  return Int32Array.from(candidates);
}

function layEndToEnd(
  swarm: IndexedSwarm,
  blockCounts: Int32Array,
  order: Int32Array,
  firstBlocks: Int32Array,
): ChainClosing[] {
  const closings: ChainClosing[] = [];
  let next = 0;
  let chainSeconds = 0;
  let rate = 0;
  for (let i = 0; i < order.length; i += 1) {
    const j = order[i] ?? 0;
    const count = blockCounts[j] ?? 0;
    // A server always gets all its blocks: near the end its start moves back over the one before.
    firstBlocks[j] = Math.min(next, swarm.blockCount - count);
    chainSeconds += serviceSeconds(swarm, j, count);
    next = Math.min(next + count, swarm.blockCount);
    if (next === swarm.blockCount) {
      rate += 1 / chainSeconds;
      closings.push({ placedServers: i + 1, rateOfOneSlot: rate });
      next = 0;
      chainSeconds = 0;
    }
  }
  return closings;
}

function fillGaps(
  swarm: IndexedSwarm,
  blockCounts: Int32Array,
  order: Int32Array,
  firstBlocks: Int32Array,
): ChainClosing[] {
  const held = coverage(swarm.blockCount);
  for (const span of swarm.pinned.values()) held.add(span.firstBlock, endBlock(span) - span.firstBlock);
  for (const j of order) {
    const count = blockCounts[j] ?? 0;
    firstBlocks[j] = Math.min(held.firstUncovered() ?? 0, swarm.blockCount - count);
    held.add(firstBlocks[j] ?? 0, count);
  }
  return [];
}

function coverage(modelBlocks: number) {
  const held = new Uint8Array(modelBlocks);
  return {
    add: (firstBlock: number, count: number): void => {
      held.fill(1, firstBlock, firstBlock + count);
    },
    firstUncovered: (): number | undefined => {
      const index = held.indexOf(0);
      return index < 0 ? undefined : index;
    },
    countUncovered: (): number => held.reduce((missing, isHeld) => missing + (1 - isHeld), 0),
  };
}

/** t_j: one job on all `count` blocks of the server. */
function serviceSeconds(swarm: IndexedSwarm, j: number, count: number): number {
  return (swarm.communicationSeconds[j] ?? 0) + (swarm.computationSeconds[j] ?? 0) * count;
}
