import { reservedBlockCounts } from './gbp-cr.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';

/** A chain of servers that hold nothing yet. */
export interface FastestChain {
  /** In the order of the chain. */
  readonly servers: readonly number[];
  readonly blockCounts: readonly number[];
  readonly serviceSeconds: number;
}

/**
 * The chain of smallest service time that some servers can form, each with at most m_j(c) blocks. With c = 1
 * and all servers no plan whatsoever has a smaller mean response time than its service time.
 * @param servers positions   @returns undefined when they hold too few blocks   O(J L m)
 */
export function fastestChain(
  swarm: IndexedSwarm,
  servers: readonly number[],
  reservedSlots: number,
): FastestChain | undefined {
  const { blockCount } = swarm;
  const most = reservedBlockCounts(swarm, reservedSlots);
  let shortest = new Float64Array(blockCount + 1).fill(Number.POSITIVE_INFINITY);
  shortest[0] = 0;
  // taken[i][b]: blocks of the i-th server where the first i servers hold b blocks together.
  const taken = servers.map((j) => {
    const own = new Int32Array(blockCount + 1);
    const next = shortest.slice();
    const communication = swarm.communicationSeconds[j] ?? 0;
    const computation = swarm.computationSeconds[j] ?? 0;
    for (let end = 1; end <= blockCount; end += 1) {
      for (let count = Math.min(most[j] ?? 0, end); count >= 1; count -= 1) {
        const seconds = (shortest[end - count] ?? 0) + communication + computation * count;
        if (seconds >= (next[end] ?? 0)) continue;
        next[end] = seconds;
        own[end] = count;
      }
    }
    shortest = next;
    return own;
  });
  if (shortest[blockCount] === Number.POSITIVE_INFINITY) return undefined;
  const serviceSeconds = shortest[blockCount] ?? 0;
  const chain = { servers: [] as number[], blockCounts: [] as number[], serviceSeconds };
  let held = blockCount;
  for (let i = servers.length - 1; i >= 0; i -= 1) {
    const count = taken[i]?.[held] ?? 0;
    if (count === 0) continue;
    chain.servers.unshift(servers[i] ?? 0);
    chain.blockCounts.unshift(count);
    held -= count;
  }
  return chain;
}
