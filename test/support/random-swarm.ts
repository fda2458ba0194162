import type { ModelShape } from '../../src/domain/model/model.ts';
import type { PlacedSpan } from '../../src/domain/model/placement.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { composeLiveChains, type LiveChains } from '../../src/domain/planning/live-chains.ts';
import type { Rng } from '../../src/domain/shared/rng.ts';

const MODEL: ModelShape = { id: 'm', blockCount: 6, blockBytes: 100, cacheBytesPerBlock: 10 };

/** Chains over random servers that host random spans: often overlapping, sometimes covering nothing. */
export function randomLiveChains(rng: Rng): LiveChains {
  const servers: Server[] = [];
  const hosted: PlacedSpan[] = [];
  const count = Math.floor(rng.next() * 8);
  for (let j = 0; j < count; j += 1) {
    const id = `s${j}`;
    const blockCount = 1 + Math.floor(rng.next() * MODEL.blockCount);
    const firstBlock = Math.floor(rng.next() * (MODEL.blockCount - blockCount + 1));
    const cacheSlots = Math.floor(rng.next() * 5 * blockCount);
    servers.push({
      id,
      memoryBytes: blockCount * MODEL.blockBytes + cacheSlots * MODEL.cacheBytesPerBlock,
      communicationSeconds: 0.1 + rng.next(),
      computationSecondsPerBlock: 0.1 + rng.next(),
    });
    hosted.push({ serverId: id, firstBlock, blockCount });
  }
  return composeLiveChains(MODEL, servers, hosted);
}
