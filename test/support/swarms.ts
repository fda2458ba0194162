import type { ModelShape } from '../../src/domain/model/model.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { createRng } from '../../src/domain/shared/rng.ts';

/** A model of `blockCount` blocks of 10 bytes with caches of 1 byte: numbers that can be checked by hand. */
export function smallModel(blockCount: number, overrides: Partial<ModelShape> = {}): ModelShape {
  return { id: 'small', blockCount, blockBytes: 10, cacheBytesPerBlock: 1, ...overrides };
}

export function server(id: string, memoryBytes: number, overrides: Partial<Server> = {}): Server {
  return { id, memoryBytes, communicationSeconds: 1, computationSecondsPerBlock: 0.1, ...overrides };
}

/** A model of 80 blocks of 1.7 GB with caches of 0.13 GB. */
export const largeModel: ModelShape = {
  id: 'large',
  blockCount: 80,
  blockBytes: 1_700_000_000,
  cacheBytesPerBlock: 130_000_000,
};

/** `count` servers of 10 to 79 GB at mixed speeds and distances; the same seed gives the same swarm. */
export function mixedServers(count: number, seed = 7): Server[] {
  const rng = createRng(seed, 'mixed servers');
  return Array.from({ length: count }, (_, index) => ({
    id: `s${String(index).padStart(4, '0')}`,
    memoryBytes: Math.floor((10 + 69 * rng.next()) * 1e9),
    communicationSeconds: 0.3 + 1.2 * rng.next(),
    computationSecondsPerBlock: 0.05 + 0.15 * rng.next(),
  }));
}
