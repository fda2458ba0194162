import type { Hop } from '../model/chain.ts';
import { endBlock, type Span } from '../model/span.ts';

/** A server that could take over blocks of a running job. */
export interface RouteServer {
  readonly id: string;
  /** The blocks that it serves now. */
  readonly hosted: Span;
  /** Blocks for which it has cache for the job, >= 0. */
  readonly freeBlocks: number;
  /** tau^c_j, seconds. */
  readonly communicationSeconds: number;
  /** tau^p_j, seconds. */
  readonly computationSecondsPerBlock: number;
}

/** The way to a block, by its last hop. */
interface Step {
  readonly seconds: number;
  readonly from: number;
  readonly server: RouteServer;
}

/**
 * The fastest hops over `blocks`, by the service times that GCA's chains have too: a shortest path over
 * block positions, where each server leads from any of its blocks to the end of its span (or of `blocks`)
 * if it has cache for all of them. Ties go to the server named first.
 * @returns undefined when no servers together cover the blocks   O(blocks x servers)
 */
export function findReplacementRoute(blocks: Span, servers: readonly RouteServer[]): readonly Hop[] | undefined {
  const end = endBlock(blocks);
  const best = new Map<number, Step>();
  for (let block = blocks.firstBlock; block < end; block += 1) {
    const before = block === blocks.firstBlock ? 0 : best.get(block)?.seconds;
    if (before === undefined) continue;
    for (const server of servers) {
      const { hosted } = server;
      const until = Math.min(endBlock(hosted), end);
      if (hosted.firstBlock > block || until <= block || server.freeBlocks < until - block) continue;
      const seconds = before + server.communicationSeconds + (until - block) * server.computationSecondsPerBlock;
      const known = best.get(until);
      if (known === undefined || seconds < known.seconds) best.set(until, { seconds, from: block, server });
    }
  }
  const hops: Hop[] = [];
  for (let block = end; block > blocks.firstBlock; ) {
    const step = best.get(block);
    if (step === undefined) return undefined;
    hops.unshift({ serverId: step.server.id, firstBlock: step.from, blockCount: block - step.from });
    block = step.from;
  }
  return hops;
}
