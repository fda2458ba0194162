import { describe, expect, it } from 'vitest';
import { chainId } from '../../../../src/domain/model/chain.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';

const hopsOver = (serverIds: readonly string[]) =>
  serverIds.map((serverId, i) => ({ serverId, firstBlock: 5 * i, blockCount: 5 }));
const chainOver = (serverIds: readonly string[], serviceSeconds: number) => {
  const hops = hopsOver(serverIds);
  return { id: chainId(hops), hops, slots: 1, serviceSeconds };
};

/** Two chains over three servers, all through `shared`; a byte is the cache of two tokens in one block. */
function setUp(): Scheduler {
  const scheduler = new Scheduler({ queueLimit: 10, cache: 'tokens', cacheBytesPerToken: 0.5 });
  scheduler.adoptPlan(
    {
      epoch: 1,
      chains: [chainOver(['fast', 'shared'], 1), chainOver(['slow', 'shared'], 2)],
      serverSlots: new Map(),
      serverCacheBytes: new Map([
        ['fast', 0.5 * 5 * 100],
        ['slow', 0.5 * 5 * 100],
        ['shared', 0.5 * 5 * 150],
      ]),
    },
    0,
  );
  return scheduler;
}

const arrive = (scheduler: Scheduler, id: string, tokens: number) =>
  scheduler.arrive({ id, deadlineMs: undefined, tokens }, 0).map((effect) => {
    if (effect.kind === 'assigned') return effect.chain.hops[0]?.serverId;
    return effect.kind === 'rejected' ? effect.reason : effect.kind;
  });

describe('cache by tokens', () => {
  it('is one account per server, which the chains through it share', () => {
    const scheduler = setUp();
    expect(arrive(scheduler, 'a', 80)).toEqual(['fast']);
    expect(arrive(scheduler, 'b', 60)).toEqual(['slow']);
    // 20 are left at `fast`, 40 at `slow`, and 10 at the server that both need.
    expect(arrive(scheduler, 'c', 11)).toEqual([]);
    expect(arrive(scheduler, 'd', 10)).toEqual(['fast']);
    expect(scheduler.complete('b', 'completed', 1)).toMatchObject([{ kind: 'assigned', jobId: 'c' }]);
    expect(scheduler.chains.map(({ busy, tokens }) => [busy, tokens])).toEqual([
      [2, 90],
      [1, 11],
    ]);
  });

  it('refuses at once what no chain could hold even when idle', () => {
    expect(arrive(setUp(), 'a', 101)).toEqual(['too_large']);
    expect(arrive(setUp(), 'a', 100)).toEqual(['fast']);
  });

  it('believes a server that refused, until it reports', () => {
    const scheduler = setUp();
    scheduler.reportFullCache('fast');
    expect(arrive(scheduler, 'a', 10)).toEqual(['slow']);
    scheduler.reportFullCache('slow');
    expect(arrive(scheduler, 'b', 10)).toEqual([]);
    expect(scheduler.reportFreeCache('fast', 0.5 * 5 * 9, 1)).toEqual([]);
    expect(scheduler.reportFreeCache('fast', 0.5 * 5 * 100, 2)).toMatchObject([{ kind: 'assigned', jobId: 'b' }]);
  });

  it('believes a server that twice in turn reports less than it should have, and takes it back later', () => {
    const scheduler = setUp();
    scheduler.reportFreeCache('fast', 0.5 * 5 * 30, 1);
    // One report may have crossed the end of a job on its way.
    expect(arrive(scheduler, 'a', 40)).toEqual(['fast']);
    scheduler.complete('a', 'completed', 2);
    scheduler.reportFreeCache('fast', 0.5 * 5 * 30, 3);
    expect(arrive(scheduler, 'b', 40)).toEqual(['slow']);
    expect(arrive(scheduler, 'c', 30)).toEqual(['fast']);
    scheduler.complete('c', 'completed', 4);
    scheduler.reportFreeCache('fast', 0.5 * 5 * 100, 5);
    expect(arrive(scheduler, 'd', 40)).toEqual(['fast']);
  });

  it('tells for how many blocks of one more such job a server has cache', () => {
    const scheduler = setUp();
    arrive(scheduler, 'a', 80);
    expect(scheduler.freeSlotsAt('fast', 'a')).toBe(1);
    expect(scheduler.freeSlotsAt('slow', 'a')).toBe(6);
  });
});
