import { expect, test } from 'vitest';
import type { Hop } from '../../../../src/domain/model/chain.ts';
import { endBlock, type Span } from '../../../../src/domain/model/span.ts';
import { findReplacementRoute, type RouteServer } from '../../../../src/domain/planning/replacement-route.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';

const server = (id: string, firstBlock: number, blockCount: number, more: Partial<RouteServer> = {}): RouteServer => ({
  id,
  hosted: { firstBlock, blockCount },
  freeBlocks: 100,
  communicationSeconds: 1,
  computationSecondsPerBlock: 0.1,
  ...more,
});

test('takes the fastest servers that together cover the blocks', () => {
  const servers = [server('slow', 0, 10, { computationSecondsPerBlock: 1 }), server('a', 2, 3), server('b', 4, 6)];
  expect(findReplacementRoute({ firstBlock: 3, blockCount: 5 }, servers)).toEqual([
    { serverId: 'a', firstBlock: 3, blockCount: 2 },
    { serverId: 'b', firstBlock: 5, blockCount: 3 },
  ]);
  expect(findReplacementRoute({ firstBlock: 0, blockCount: 1 }, servers)).toEqual([
    { serverId: 'slow', firstBlock: 0, blockCount: 1 },
  ]);
});

test('passes by servers without room, and tells when nobody covers a block', () => {
  const servers = [server('full', 0, 4, { freeBlocks: 2 }), server('far', 0, 4, { communicationSeconds: 9 })];
  expect(findReplacementRoute({ firstBlock: 0, blockCount: 3 }, servers)?.[0]?.serverId).toBe('far');
  expect(findReplacementRoute({ firstBlock: 0, blockCount: 2 }, servers)?.[0]?.serverId).toBe('full');
  expect(findReplacementRoute({ firstBlock: 2, blockCount: 3 }, servers)).toBeUndefined();
  expect(findReplacementRoute({ firstBlock: 0, blockCount: 1 }, [])).toBeUndefined();
});

/** Every sequence of servers, tried. */
function bruteForce(blocks: Span, servers: readonly RouteServer[]): number {
  const from = (block: number): number => {
    if (block === endBlock(blocks)) return 0;
    let best = Number.POSITIVE_INFINITY;
    for (const each of servers) {
      const until = Math.min(endBlock(each.hosted), endBlock(blocks));
      if (each.hosted.firstBlock > block || until <= block || each.freeBlocks < until - block) continue;
      best = Math.min(best, costOf(each, until - block) + from(until));
    }
    return best;
  };
  return from(blocks.firstBlock);
}

function costOf(each: RouteServer, blocks: number): number {
  return each.communicationSeconds + blocks * each.computationSecondsPerBlock;
}

test('is as fast as the best of all sequences, and covers the blocks once', () => {
  const rng = createRng(11, 'routes');
  const upTo = (limit: number): number => Math.floor(rng.next() * limit);
  let found = 0;
  for (let round = 0; round < 500; round += 1) {
    const servers = Array.from({ length: 5 }, (_, i) =>
      server(`s${i}`, upTo(7), 1 + upTo(5), {
        freeBlocks: upTo(6),
        communicationSeconds: 1 + upTo(5),
        computationSecondsPerBlock: (1 + upTo(9)) / 4,
      }),
    );
    const blocks = { firstBlock: upTo(3), blockCount: 1 + upTo(6) };
    const route: readonly Hop[] | undefined = findReplacementRoute(blocks, servers);
    const best = bruteForce(blocks, servers);
    if (route === undefined) {
      expect(best).toBe(Number.POSITIVE_INFINITY);
      continue;
    }
    found += 1;
    let next = blocks.firstBlock;
    let seconds = 0;
    for (const hop of route) {
      expect(hop.firstBlock).toBe(next);
      next = endBlock(hop);
      seconds += costOf(servers.find(({ id }) => id === hop.serverId) as RouteServer, hop.blockCount);
    }
    expect(next).toBe(endBlock(blocks));
    expect(seconds).toBeCloseTo(best, 9);
  }
  expect(found).toBeGreaterThan(50);
});
