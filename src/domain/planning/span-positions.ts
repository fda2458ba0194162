import type { ModelShape } from '../model/model.ts';
import type { Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import { endBlock } from '../model/span.ts';
import type { SwarmDemand } from './placement-outlook.ts';

/** Blocks that a server can host beside caches of `reservedSlots` jobs per block: m_j(c) of GBP-CR.   O(1) */
export function blocksThatFit(model: ModelShape, server: Server, reservedSlots: number): number {
  const { blockBytes, cacheBytesPerBlock, longestCacheBytesPerBlock = 0, blockCount } = model;
  const cacheBytes = Math.max(reservedSlots * cacheBytesPerBlock, longestCacheBytesPerBlock);
  return Math.min(blockCount, Math.floor(server.memoryBytes / (blockBytes + cacheBytes)));
}

/** A block that nobody hosts is worth so many times the worst hosted one. */
const UNHOSTED_SCORE = 1e6;

/**
 * Where a span of `width` blocks is likely to help most: first blocks, most promising first, at most
 * `limit`. A position scores by how little the other servers can compute of its blocks; half of those
 * given out begin or end where another span ends or begins, since chains change servers only there.
 * O(hosted blocks + L x width)
 */
export function promisingPositions(
  demand: SwarmDemand,
  others: Placement,
  width: number,
  limit: number,
): readonly number[] {
  const { blockCount } = demand.model;
  const scores = scoreOfBlocks(demand, others);
  const seams = new Set<number>([0, blockCount]);
  for (const span of others) seams.add(span.firstBlock).add(endBlock(span));
  const positions: { readonly firstBlock: number; readonly score: number; readonly isAligned: boolean }[] = [];
  for (let firstBlock = 0; firstBlock + width <= blockCount; firstBlock += 1) {
    let score = 0;
    for (let block = firstBlock; block < firstBlock + width; block += 1) score += scores[block] ?? 0;
    positions.push({ firstBlock, score, isAligned: seams.has(firstBlock) || seams.has(firstBlock + width) });
  }
  positions.sort((a, b) => b.score - a.score || a.firstBlock - b.firstBlock);
  const aligned = positions.filter((position) => position.isAligned).slice(0, Math.ceil(limit / 2));
  const chosen = new Set(aligned.map((position) => position.firstBlock));
  for (const { firstBlock } of positions) {
    if (chosen.size >= limit) break;
    chosen.add(firstBlock);
  }
  return positions.map((position) => position.firstBlock).filter((firstBlock) => chosen.has(firstBlock));
}

/** For each block, the inverse of the jobs per second that its servers could run through it. */
function scoreOfBlocks(demand: SwarmDemand, placement: Placement): Float64Array {
  const rate = new Float64Array(demand.model.blockCount);
  const servers = new Map(demand.servers.map((server) => [server.id, server]));
  for (const span of placement) {
    const server = servers.get(span.serverId);
    if (server === undefined) continue;
    const perSecond = 1 / (server.communicationSeconds + server.computationSecondsPerBlock * span.blockCount);
    for (let block = span.firstBlock; block < endBlock(span); block += 1) rate[block] = (rate[block] ?? 0) + perSecond;
  }
  let worst = 0;
  for (const perSecond of rate) if (perSecond > 0) worst = Math.max(worst, 1 / perSecond);
  return rate.map((perSecond) => (perSecond > 0 ? 1 / perSecond : UNHOSTED_SCORE * Math.max(1, worst)));
}
