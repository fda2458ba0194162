import { describe, expect, it } from 'vitest';
import { ServingChains } from '../../../../src/application/swarm/serving-chains.ts';
import type { Member } from '../../../../src/domain/membership/member.ts';

const MODEL = { id: 'm', blockCount: 12, blockBytes: 100, cacheBytesPerBlock: 10 };

function member(serverId: string, firstBlock: number, measuredSlope: number | undefined): Member {
  return {
    serverId,
    modelId: 'm',
    address: `${serverId}:1`,
    protocol: 'grpc',
    memoryBytes: 10_000,
    speeds: {
      overheadSecondsPerBlock: 0,
      prefillSecondsPerTokenPerBlock: 0.001,
      decodeSecondsPerTokenPerBlock: 0.01,
      rttSeconds: 0,
      bandwidthBytesPerSecond: undefined,
      concurrencySlope: 1,
    },
    hosted: undefined,
    isPinned: false,
    labels: new Map(),
    dtype: 'float32',
    weightsDigest: '',
    incarnation: 1,
    joinedMs: 0,
    lastSeenMs: 0,
    assigned: undefined,
    ready: { firstBlock, blockCount: 2 },
    exclusion: undefined,
    faults: 0,
    isDraining: false,
    pace: 1,
    measuredSlope,
    cacheBytesFree: undefined,
    sessions: 0,
  };
}

const limitsFor = (slope: number | undefined, maxComputeLoad: number | undefined) =>
  new ServingChains().refresh(
    MODEL,
    Array.from({ length: 6 }, (_, i) => member(`s${i}`, 2 * i, slope)),
    { workload: { inputTokens: 100, outputTokens: 11 }, overheadSeconds: 0, hiddenBytesPerToken: 4, maxComputeLoad },
  ).jobLimits;

describe('how many requests may run on a chain', () => {
  it('is what its busiest server can compute for, times the factor, by the slope that was measured', () => {
    expect(limitsFor(undefined, 1)).toEqual([6]);
    expect(limitsFor(undefined, 1.5)).toEqual([9]);
    expect(limitsFor(0.5, 1.5)).toEqual([18]);
    expect(limitsFor(0, 1.5)).toEqual([Number.POSITIVE_INFINITY]);
  });

  it('is four at least, and what the cache holds where it is not limited', () => {
    expect(limitsFor(1, 0.1)).toEqual([4]);
    expect(limitsFor(1, undefined)).toBeUndefined();
  });
});
