import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  chainsForRate,
  placeGreedily,
  reservedBlockCounts,
  stopAfterChains,
  uncoveredBlocks,
} from '../../../../src/domain/planning/gbp-cr.ts';
import { indexSwarm, namePlacement } from '../../../../src/domain/planning/indexed-swarm.ts';
import { server, smallModel } from '../../../support/swarms.ts';

const span = (serverId: string, firstBlock: number, blockCount: number) => ({ serverId, firstBlock, blockCount });

describe('reserved block counts', () => {
  it('leave room for the cache of every reserved session', () => {
    const swarm = indexSwarm(smallModel(10), [server('a', 36), server('b', 35), server('c', 11)]);
    expect([...reservedBlockCounts(swarm, 2)]).toEqual([3, 2, 0]);
  });

  test.prop([
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 0, max: 5_000 }),
    fc.integer({ min: 1, max: 50 }),
  ])(
    'leave room for one of the longest sessions, however small the reserved ones are',
    (block, cache, longest, memory, slots) => {
      const model = smallModel(30, {
        blockBytes: block,
        cacheBytesPerBlock: cache,
        longestCacheBytesPerBlock: longest,
      });
      const blocks = reservedBlockCounts(indexSwarm(model, [server('a', memory)]), slots)[0] ?? Number.NaN;
      expect(blocks * (block + Math.max(longest, slots * cache))).toBeLessThanOrEqual(memory);
      // And no more than that: one block more would not fit.
      if (blocks < 30) expect((blocks + 1) * (block + Math.max(longest, slots * cache))).toBeGreaterThan(memory);
    },
  );

  it('never exceed the model', () => {
    const swarm = indexSwarm(smallModel(4), [server('a', 1000)]);
    expect([...reservedBlockCounts(swarm, 1)]).toEqual([4]);
  });

  it('lose no block to rounding when memory is an exact multiple', () => {
    // 0.7 + 3 * 0.1 GB per block: in floating gigabytes three blocks would not fit 3 GB.
    const model = smallModel(9, { blockBytes: 700_000_000, cacheBytesPerBlock: 100_000_000 });
    const swarm = indexSwarm(model, [server('a', 3_000_000_000), server('b', 2_999_999_999)]);
    expect([...reservedBlockCounts(swarm, 3)]).toEqual([3, 2]);
  });

  it('are the given span for a pinned server', () => {
    const swarm = indexSwarm(smallModel(10), [server('a', 100)], new Map([['a', { firstBlock: 2, blockCount: 1 }]]));
    expect([...reservedBlockCounts(swarm, 1)]).toEqual([1]);
  });
});

describe('greedy placement', () => {
  it('takes servers by service time per block and closes disjoint chains', () => {
    const swarm = indexSwarm(smallModel(4), [
      server('slow', 22, { computationSecondsPerBlock: 5 }),
      server('fast', 22),
      server('far', 22, { communicationSeconds: 3 }),
      server('near', 22, { communicationSeconds: 0 }),
    ]);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, 1));
    expect([...sequence.order].map((j) => swarm.serverIds[j])).toEqual(['near', 'fast', 'far', 'slow']);
    expect(sequence.closings.map((closing) => closing.placedServers)).toEqual([2, 4]);
    expect(sequence.closings[0]?.rateOfOneSlot).toBeCloseTo(1 / (0.2 + 1.2), 12);
    expect(namePlacement(swarm, stopAfterChains(sequence, swarm))).toEqual([
      span('slow', 2, 2),
      span('fast', 2, 2),
      span('far', 0, 2),
      span('near', 0, 2),
    ]);
  });

  it('keeps the order of the input for equal servers', () => {
    const swarm = indexSwarm(smallModel(2), [server('b', 11), server('a', 11), server('c', 11)]);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, 1));
    expect([...sequence.order]).toEqual([0, 1, 2]);
  });

  it('moves the last server of a chain back instead of cutting its blocks', () => {
    const swarm = indexSwarm(smallModel(5), [server('a', 33), server('b', 33)]);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, 1));
    expect(namePlacement(swarm, stopAfterChains(sequence, swarm))).toEqual([span('a', 0, 3), span('b', 2, 3)]);
  });

  it('lets the servers of an unfinished chain keep their blocks', () => {
    const swarm = indexSwarm(smallModel(2), [server('a', 11), server('b', 11), server('c', 11)]);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, 1));
    expect(sequence.closings).toHaveLength(1);
    expect(namePlacement(swarm, stopAfterChains(sequence, swarm))).toHaveLength(3);
  });

  it('stops after the chain that meets the rate target', () => {
    const servers = ['a', 'b', 'c'].map((id) => server(id, 22));
    const swarm = indexSwarm(smallModel(2), servers);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, 1));
    // One chain serves 1/1.2 per second and slot.
    expect(chainsForRate(sequence, 0.5, 0.7, 1)).toBe(1);
    expect(chainsForRate(sequence, 1, 0.7, 1)).toBe(2);
    expect(chainsForRate(sequence, 1, 0.7, 2)).toBe(1);
    expect(chainsForRate(sequence, 5, 0.7, 1)).toBeUndefined();
    expect(namePlacement(swarm, stopAfterChains(sequence, swarm, 2)).map(({ serverId }) => serverId)).toEqual([
      'a',
      'b',
    ]);
  });

  it('lays free servers out as usual beside pinned ones', () => {
    const pinned = new Map([['b', { firstBlock: 1, blockCount: 1 }]]);
    const swarm = indexSwarm(smallModel(2), [server('a', 22), server('b', 22)], pinned);
    const placement = stopAfterChains(placeGreedily(swarm, reservedBlockCounts(swarm, 1)), swarm);
    expect(namePlacement(swarm, placement)).toEqual([span('a', 0, 2), span('b', 1, 1)]);
  });

  it('puts free servers into the gaps when they cannot hold the model alone', () => {
    const pinned = new Map([['p', { firstBlock: 0, blockCount: 4 }]]);
    const swarm = indexSwarm(smallModel(6), [server('a', 11), server('b', 11), server('p', 99)], pinned);
    const placement = stopAfterChains(placeGreedily(swarm, reservedBlockCounts(swarm, 1)), swarm);
    expect(namePlacement(swarm, placement)).toEqual([span('a', 4, 1), span('b', 5, 1), span('p', 0, 4)]);
    expect(uncoveredBlocks(placement, 6)).toBe(0);
  });

  it('refuses a pinned span beyond the model', () => {
    const pinned = new Map([['a', { firstBlock: 1, blockCount: 2 }]]);
    expect(() => indexSwarm(smallModel(2), [server('a', 22)], pinned)).toThrow(/lies within the model/);
  });
});
