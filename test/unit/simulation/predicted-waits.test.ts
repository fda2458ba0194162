import { describe, expect, it } from 'vitest';
import type { Chain } from '../../../src/domain/model/chain.ts';
import { simulateSharedCompute } from '../../../src/simulation/simulate-shared-compute.ts';
import { poissonJobs } from '../../../src/simulation/workloads.ts';

const SPEEDS = {
  rttSeconds: 0.02,
  overheadSeconds: 0,
  overheadSecondsPerBlock: 0,
  prefillSecondsPerTokenPerBlock: 0.0001,
  decodeSecondsPerTokenPerBlock: 0.002,
  concurrencySlope: 0.5,
};
const MEAN = { inputTokens: 400, outputTokens: 20 };
const SERVERS = ['a', 'b', 'c'];
const CHAIN: Chain = {
  id: 'c',
  slots: 4,
  serviceSeconds: 3.7,
  hops: SERVERS.map((serverId, i) => ({ serverId, firstBlock: 10 * i, blockCount: 10 })),
};
/** Cache of each server: so many tokens of a session through its blocks. */
const CACHE_TOKENS = 2_500;

/** Random requests on one chain whose cache is scarce; their waits as predicted on arrival and as they were. */
function waits(order: 'fifo' | 'shortest', ratePerSecond: number) {
  const jobs = poissonJobs({ jobs: 3_000, seed: 3, ratePerSecond });
  const tokensOf = (job: number): number =>
    Math.min(CACHE_TOKENS, Math.max(2, Math.round((jobs.sizes[job] ?? 1) * (MEAN.inputTokens + MEAN.outputTokens))));
  const records = simulateSharedCompute({
    chains: [CHAIN],
    jobs,
    meanTokens: MEAN,
    speeds: new Map(SERVERS.map((id) => [id, SPEEDS])),
    hiddenBytesPerToken: 0,
    prefillChunkTokens: 100,
    scheduling: { cache: 'tokens', cacheBytesPerToken: 1, order, predictsWaits: true },
    serverCacheBytes: new Map(SERVERS.map((id) => [id, 10 * CACHE_TOKENS])),
    describeJob: (job) => ({ tokens: tokensOf(job), size: jobs.sizes[job] ?? 1 }),
  });
  const seen = { count: 0, predicted: 0, real: 0, startedAtOnce: 0 };
  for (let job = 300; job < jobs.count; job += 1) {
    const real = (records.startSeconds[job] ?? 0) - (records.arrivalSeconds[job] ?? 0);
    const predicted = records.predictedWaitSeconds?.[job] ?? Number.NaN;
    if (Number.isNaN(predicted)) continue;
    if (real === 0) seen.startedAtOnce += 1;
    seen.count += 1;
    seen.predicted += predicted;
    seen.real += real;
  }
  return seen;
}

describe('waits predicted on arrival, where cache is scarce and counted by tokens', () => {
  it.each([
    ['shortest', 0.9],
    ['shortest', 0.8],
    ['fifo', 0.9],
    ['fifo', 0.8],
  ] as const)('come true on average, in the order %s at %d requests a second', (order, ratePerSecond) => {
    const { count, predicted, real, startedAtOnce } = waits(order, ratePerSecond);
    expect(count).toBeGreaterThan(100);
    expect(startedAtOnce).toBe(0);
    expect(predicted / real).toBeGreaterThan(0.75);
    expect(predicted / real).toBeLessThan(1.33);
  });
});
