import { describe, expect, it } from 'vitest';
import type { Placement } from '../../../../src/domain/model/placement.ts';
import type { Server } from '../../../../src/domain/model/server.ts';
import { cacheSlots, composeChains } from '../../../../src/domain/planning/gca.ts';
import { indexPlacement, indexSwarm, nameChains } from '../../../../src/domain/planning/indexed-swarm.ts';
import { server, smallModel } from '../../../support/swarms.ts';

function compose(
  blockCount: number,
  servers: readonly Server[],
  spans: readonly (readonly [string, number, number])[],
) {
  const swarm = indexSwarm(smallModel(blockCount), servers);
  const placement: Placement = spans.map(([serverId, firstBlock, count]) => ({
    serverId,
    firstBlock,
    blockCount: count,
  }));
  const chains = composeChains(swarm, indexPlacement(swarm, placement)) ?? [];
  return nameChains(swarm, chains).map((chain) => ({
    hops: chain.hops.map((hop) => `${hop.serverId}:${hop.firstBlock}+${hop.blockCount}`),
    slots: chain.slots,
    seconds: Number(chain.serviceSeconds.toFixed(9)),
  }));
}

describe('cache slots', () => {
  it('are whole caches beside the blocks', () => {
    const model = smallModel(2, { cacheBytesPerBlock: 4 });
    const swarm = indexSwarm(model, [server('a', 31)]);
    expect([...cacheSlots(swarm, { firstBlock: Int32Array.of(0), blockCount: Int32Array.of(2) })]).toEqual([2]);
  });

  it('are none when a pinned span fills or exceeds the memory', () => {
    const swarm = indexSwarm(smallModel(4), [server('a', 20), server('b', 15)]);
    const placement = { firstBlock: Int32Array.of(0, 0), blockCount: Int32Array.of(2, 2) };
    expect([...cacheSlots(swarm, placement)]).toEqual([0, 0]);
    expect(composeChains(swarm, placement)).toEqual([]);
  });

  it('stay bounded whatever memory a server claims', () => {
    const swarm = indexSwarm(smallModel(2), [server('a', Number.MAX_SAFE_INTEGER)]);
    const placement = { firstBlock: Int32Array.of(0), blockCount: Int32Array.of(2) };
    expect([...cacheSlots(swarm, placement)]).toEqual([200_000]);
    expect(composeChains(swarm, placement)).toEqual([
      { servers: [0], blockCounts: [2], slots: 100_000, serviceSeconds: 1.2 },
    ]);
  });
});

describe('chain composition', () => {
  it('gives a chain what its tightest server has room for', () => {
    expect(
      compose(
        4,
        [server('a', 26), server('b', 30)],
        [
          ['a', 0, 2],
          ['b', 2, 2],
        ],
      ),
    ).toEqual([{ hops: ['a:0+2', 'b:2+2'], slots: 3, seconds: 2.4 }]);
  });

  it('counts only the blocks that the chain runs at a server', () => {
    // b holds three blocks, and runs two of them after a: five sessions of two blocks fit its ten caches.
    expect(
      compose(
        4,
        [server('a', 40), server('b', 40)],
        [
          ['a', 0, 2],
          ['b', 1, 3],
        ],
      ),
    ).toEqual([{ hops: ['a:0+2', 'b:2+2'], slots: 5, seconds: 2.4 }]);
  });

  it('goes on with slower chains until no path has room', () => {
    const servers = [server('a', 23), server('b', 26), server('c', 26, { communicationSeconds: 2 })];
    expect(
      compose(2, servers, [
        ['a', 0, 2],
        ['b', 0, 2],
        ['c', 0, 2],
      ]),
    ).toEqual([
      { hops: ['a:0+2'], slots: 1, seconds: 1.2 },
      { hops: ['b:0+2'], slots: 3, seconds: 1.2 },
      { hops: ['c:0+2'], slots: 3, seconds: 2.2 },
    ]);
  });

  it('shares a server between chains', () => {
    const servers = [server('a', 12), server('b', 13), server('z', 20)];
    expect(
      compose(2, servers, [
        ['a', 0, 1],
        ['b', 0, 1],
        ['z', 1, 1],
      ]),
    ).toEqual([
      { hops: ['a:0+1', 'z:1+1'], slots: 2, seconds: 2.2 },
      { hops: ['b:0+1', 'z:1+1'], slots: 3, seconds: 2.2 },
    ]);
  });

  it('still uses a server for fewer blocks when its caches no longer suffice for all', () => {
    // z has room for three block-caches: one session of two blocks, then one of one block behind b.
    const servers = [server('a', 11), server('b', 30, { communicationSeconds: 2 }), server('z', 23)];
    expect(
      compose(3, servers, [
        ['a', 0, 1],
        ['b', 0, 2],
        ['z', 1, 2],
      ]),
    ).toEqual([
      { hops: ['a:0+1', 'z:1+2'], slots: 1, seconds: 2.3 },
      { hops: ['b:0+2', 'z:2+1'], slots: 1, seconds: 3.3 },
    ]);
  });

  it('finds nothing when a block is missing', () => {
    expect(
      compose(
        3,
        [server('a', 99), server('b', 99)],
        [
          ['a', 0, 1],
          ['b', 2, 1],
        ],
      ),
    ).toEqual([]);
  });

  it('gives up when even the fastest chain is too slow', () => {
    const swarm = indexSwarm(smallModel(2), [server('a', 99)]);
    const placement = { firstBlock: Int32Array.of(0), blockCount: Int32Array.of(2) };
    expect(composeChains(swarm, placement, { giveUpAtSeconds: 1.2 })).toBeUndefined();
    expect(composeChains(swarm, placement, { giveUpAtSeconds: 1.3 })).toHaveLength(1);
  });
});
