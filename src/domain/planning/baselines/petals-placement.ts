import type { IndexedPlacement } from '../indexed-swarm.ts';

/** One server that joins, as its own start-up code sees it. */
export interface PetalsServer {
  /** Blocks it decides to hold, before looking at the others; 0 holds nothing. */
  readonly blockCount: number;
  /** Requests per second it announces for each of its blocks. */
  readonly throughput: number;
  /** Where it is, if that is given. */
  readonly pinnedFirstBlock?: number | undefined;
}

/**
 * Placement as PETALS servers make it, a baseline: they join one after another, and each takes the
 * first window of its length over which the announced throughput so far is smallest in sum.
 * @param servers by position   @param joinOrder positions, each once   O(J L)
 */
export function placePetals(
  modelBlocks: number,
  servers: readonly PetalsServer[],
  joinOrder: readonly number[],
): IndexedPlacement {
  const throughput = new Float64Array(modelBlocks);
  const firstBlock = new Int32Array(servers.length);
  const blockCount = new Int32Array(servers.length);
  for (const j of joinOrder) {
    const server = servers[j];
    const count = Math.min(server?.blockCount ?? 0, modelBlocks);
    if (server === undefined || count < 1) continue;
    const start = server.pinnedFirstBlock ?? weakestWindow(throughput, count);
    for (let b = start; b < start + count; b += 1) throughput[b] = (throughput[b] ?? 0) + server.throughput;
    firstBlock[j] = start;
    blockCount[j] = count;
  }
  return { firstBlock, blockCount };
}

function weakestWindow(throughput: Float64Array, count: number): number {
  let best = 0;
  let weakest = Number.POSITIVE_INFINITY;
  for (let start = 0; start + count <= throughput.length; start += 1) {
    let sum = 0;
    for (let b = start; b < start + count; b += 1) sum += throughput[b] ?? 0;
    if (sum < weakest) {
      weakest = sum;
      best = start;
    }
  }
  return best;
}
