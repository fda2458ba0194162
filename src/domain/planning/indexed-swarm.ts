import type { Chain, Hop } from '../model/chain.ts';
import { chainId } from '../model/chain.ts';
import type { ModelShape } from '../model/model.ts';
import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { invariant } from '../shared/invariant.ts';

/**
 * Jobs that one server is planned for at most, however large its memory: no block server runs more
 * sessions, and every loop over slots stays bounded whatever memory a server claims.
 */
export const MAX_JOBS_PER_SERVER = 100_000;

/**
 * The planner's working form of a swarm: numbers by server position (the caller's order) in typed
 * arrays, because a search visits every server hundreds of times.
 */
export interface IndexedSwarm {
  /** L, blocks >= 1. */
  readonly blockCount: number;
  /** s_m, bytes. */
  readonly blockBytes: number;
  /** s_c, bytes. */
  readonly cacheBytesPerBlock: number;
  /** Cache for one block that every server keeps room for at least, bytes: s_c, or that of the longest session. */
  readonly leastCacheBytesPerBlock: number;
  readonly serverIds: readonly string[];
  /** M_j, bytes. */
  readonly memoryBytes: Float64Array;
  /** tau^c_j, seconds. */
  readonly communicationSeconds: Float64Array;
  /** tau^p_j, seconds per block. */
  readonly computationSeconds: Float64Array;
  /** Spans that are given and stay as they are, by server position. */
  readonly pinned: ReadonlyMap<number, Span>;
}

/** Spans by server position; `blockCount[j]` 0 means that server j holds nothing. */
export interface IndexedPlacement {
  readonly firstBlock: Int32Array;
  readonly blockCount: Int32Array;
}

/** A chain by server positions: hop h runs `blockCounts[h]` blocks at `servers[h]`. */
export interface IndexedChain {
  readonly servers: readonly number[];
  readonly blockCounts: readonly number[];
  readonly slots: number;
  readonly serviceSeconds: number;
}

/**
 * @param pinnedSpans spans by server id, each within [0, L) and not empty; ids that are no server's are ignored   O(J)
 */
export function indexSwarm(
  model: ModelShape,
  servers: readonly Server[],
  pinnedSpans: ReadonlyMap<string, Span> = new Map(),
): IndexedSwarm {
  invariant(Number.isInteger(model.blockCount) && model.blockCount >= 1, 'a model has at least one block');
  invariant(model.blockBytes > 0 && model.cacheBytesPerBlock > 0, 'blocks and caches have a size');
  const pinned = new Map<number, Span>();
  servers.forEach((server, j) => {
    const span = pinnedSpans.get(server.id);
    if (span === undefined) return;
    const isWithinModel =
      span.firstBlock >= 0 && span.blockCount >= 1 && span.firstBlock + span.blockCount <= model.blockCount;
    invariant(isWithinModel, `the pinned span of ${server.id} lies within the model`);
    pinned.set(j, span);
  });
  return {
    blockCount: model.blockCount,
    blockBytes: model.blockBytes,
    cacheBytesPerBlock: model.cacheBytesPerBlock,
    leastCacheBytesPerBlock: Math.max(model.cacheBytesPerBlock, model.longestCacheBytesPerBlock ?? 0),
    serverIds: servers.map((server) => server.id),
    memoryBytes: Float64Array.from(servers, (server) => server.memoryBytes),
    communicationSeconds: Float64Array.from(servers, (server) => server.communicationSeconds),
    computationSeconds: Float64Array.from(servers, (server) => server.computationSecondsPerBlock),
    pinned,
  };
}

/** The placement of a list of spans; each must belong to a server of the swarm. */
export function indexPlacement(swarm: IndexedSwarm, placement: Placement): IndexedPlacement {
  const firstBlock = new Int32Array(swarm.serverIds.length);
  const blockCount = new Int32Array(swarm.serverIds.length);
  const positions = new Map(swarm.serverIds.map((id, j) => [id, j]));
  for (const span of placement) {
    const j = positions.get(span.serverId);
    invariant(j !== undefined, `the placement names ${span.serverId}, which is not in the swarm`);
    firstBlock[j] = span.firstBlock;
    blockCount[j] = span.blockCount;
  }
  return { firstBlock, blockCount };
}

/** Servers that hold blocks, in the swarm's order. */
export function namePlacement(swarm: IndexedSwarm, placement: IndexedPlacement): PlacedSpan[] {
  const spans: PlacedSpan[] = [];
  swarm.serverIds.forEach((serverId, j) => {
    const blockCount = placement.blockCount[j] ?? 0;
    if (blockCount > 0) spans.push({ serverId, firstBlock: placement.firstBlock[j] ?? 0, blockCount });
  });
  return spans;
}

export function nameChains(swarm: IndexedSwarm, chains: readonly IndexedChain[]): Chain[] {
  return chains.map((chain) => {
    let firstBlock = 0;
    const hops: Hop[] = chain.servers.map((server, h) => {
      const blockCount = chain.blockCounts[h] ?? 0;
      const hop: Hop = { serverId: swarm.serverIds[server] ?? '', firstBlock, blockCount };
      firstBlock += blockCount;
      return hop;
    });
    return { id: chainId(hops), hops, slots: chain.slots, serviceSeconds: chain.serviceSeconds };
  });
}
