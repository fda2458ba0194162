import type { DeclaredSpeeds } from '../../src/domain/membership/member.ts';
import type { ModelShape } from '../../src/domain/model/model.ts';
import { createRng } from '../../src/domain/shared/rng.ts';

/** BLOOM-176B: blocks of 1.32 GB, caches of 2,048 tokens. */
export const BLOOM: ModelShape = { id: 'bloom-176b', blockCount: 70, blockBytes: 1.32e9, cacheBytesPerBlock: 0.11e9 };

/** What requests ask for. */
export const WORKLOAD = { inputTokens: 2_000, outputTokens: 20 };

/** One server loads one block in this time: 1.32 GB at 264 MB/s. */
export const LOAD_MS_PER_BLOCK = 5_000;

export interface PoolServer {
  readonly id: string;
  readonly memoryBytes: number;
  readonly speeds: DeclaredSpeeds;
}

/** Servers of a volunteers' swarm: a third fast with 40 GB, the others slower with 16 to 24 GB, 5 to 80 ms away. */
export function drawPool(count: number, seed: number): readonly PoolServer[] {
  const rng = createRng(seed, 'pool');
  return Array.from({ length: count }, (_, j) => {
    const isFast = rng.next() < 1 / 3;
    const slowness = (isFast ? 1 : 1.7) * (0.85 + 0.3 * rng.next());
    return {
      id: `s${String(j).padStart(2, '0')}`,
      memoryBytes: isFast ? 40e9 : (16 + Math.floor(9 * rng.next())) * 1e9,
      speeds: {
        overheadSecondsPerBlock: 0.001,
        prefillSecondsPerTokenPerBlock: 0.000_041_7 * slowness,
        decodeSecondsPerTokenPerBlock: 0.001_29 * slowness,
        rttSeconds: 0.005 + 0.075 * rng.next(),
        bandwidthBytesPerSecond: undefined,
        concurrencySlope: 1,
      },
    };
  });
}
