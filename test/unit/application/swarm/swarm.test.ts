import { afterEach, describe, expect, it } from 'vitest';
import type { Chain } from '../../../../src/domain/model/chain.ts';
import { FAKE_MODEL, FakeSwarm } from '../../../support/fake-swarm.ts';

const never = new AbortController().signal;
const ALL = { firstBlock: 0, blockCount: 10 };
const FIRST_HALF = { firstBlock: 0, blockCount: 5 };
const SECOND_HALF = { firstBlock: 5, blockCount: 5 };

/** Room for five blocks of the model and the cache of ten sessions. */
const HALF_BYTES = 5 * FAKE_MODEL.blockBytes + 10;

let fake: FakeSwarm;
afterEach(() => fake.stop());

const hopsOf = (chains: readonly Chain[]): string[] =>
  chains.map((chain) => chain.hops.map((hop) => `${hop.serverId}:${hop.firstBlock}+${hop.blockCount}`).join(' '));

describe('the live swarm', () => {
  it('makes one plan of servers that join together, and serves when they have loaded', () => {
    fake = new FakeSwarm();
    const servers = ['a', 'b'].map((id) => fake.join(id, { memoryBytes: HALF_BYTES }));
    expect(fake.swarm.unreadyReasons()).toContain('a plan is being made');
    fake.clock.advance(1_000);
    expect(fake.swarm.plan.epoch).toBe(1);
    expect(servers.map((server) => server.orders.length)).toEqual([1, 1]);
    expect(fake.swarm.unreadyReasons().join()).toMatch(/a loads blocks/);
    fake.clock.advance(5_000);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+5 b:5+5']);
    for (const { orders } of servers) {
      const [order] = orders;
      const bytes = (order?.span.blockCount ?? 0) * FAKE_MODEL.blockBytes + (order?.cacheBytes ?? 0);
      expect(bytes).toBeLessThanOrEqual(HALF_BYTES);
    }
  });

  it('gives a server that joins a span, and leaves all others and their chains as they are', () => {
    fake = new FakeSwarm();
    const first = ['a', 'b'].map((id) => fake.join(id, { memoryBytes: HALF_BYTES }));
    fake.clock.advance(10_000);
    const chains = hopsOf(fake.swarm.chains);
    const newcomer = fake.join('c', { memoryBytes: HALF_BYTES });
    fake.clock.advance(20_000);
    expect(newcomer.orders).toHaveLength(1);
    for (const server of first) expect(server.orders).toHaveLength(1);
    expect(hopsOf(fake.swarm.chains)).toEqual(expect.arrayContaining(chains));
    expect(fake.swarm.plan.decision).toMatchObject({ kind: 'keep', cause: 'settled' });
  });

  it('uses a server that joins with its blocks loaded as it is: no block is loaded', () => {
    fake = new FakeSwarm();
    const servers = [
      fake.join('a', { memoryBytes: HALF_BYTES, hosted: FIRST_HALF }),
      fake.join('b', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF }),
    ];
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+5 b:5+5']);
    fake.clock.advance(30_000);
    expect(fake.telemetry.blocks).toBe(0);
    expect(servers.map((server) => server.orders.map((order) => order.span))).toEqual([[FIRST_HALF], [SECOND_HALF]]);
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+5 b:5+5']);
  });

  it('moves nobody just after a start, while servers of a former run may still come back with their blocks', () => {
    fake = new FakeSwarm({ rejoinMs: 15_000 });
    const spans = { a: FIRST_HALF, c: FIRST_HALF };
    const early = Object.entries(spans).map(([id, hosted]) => fake.join(id, { memoryBytes: HALF_BYTES, hosted }));
    fake.clock.advance(8_000);
    expect(early.flatMap((server) => server.orders).every((order) => order.span.firstBlock === 0)).toBe(true);
    fake.join('b', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF });
    expect(fake.swarm.unreadyReasons()).toEqual([]);
    fake.clock.advance(60_000);
    expect(fake.telemetry.blocks).toBe(0);
  });

  it('makes do with those that came back, once the others had their time', () => {
    fake = new FakeSwarm({ rejoinMs: 15_000 });
    for (const id of ['a', 'c']) fake.join(id, { memoryBytes: HALF_BYTES, hosted: FIRST_HALF });
    fake.clock.advance(14_000);
    expect(fake.swarm.chains).toEqual([]);
    fake.clock.advance(20_000);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
  });

  it('covers lost blocks again with one move, of the server that others can do without', () => {
    fake = new FakeSwarm();
    const spans = { a: FIRST_HALF, b: SECOND_HALF, c: FIRST_HALF };
    const servers = Object.entries(spans).map(([id, hosted]) => fake.join(id, { memoryBytes: HALF_BYTES, hosted }));
    fake.clock.advance(20_000);
    const before = servers.map((server) => server.orders.length);
    servers[1]?.leave();
    expect(fake.swarm.chains).toEqual([]);
    fake.clock.advance(10_000);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
    const moved = servers.filter((server, i) => server.orders.length > (before[i] ?? 0));
    expect(moved).toHaveLength(1);
    expect(moved[0]?.orders.at(-1)?.span).toEqual(SECOND_HALF);
    expect(fake.decisions().some((decision) => decision === 'plan made: lost')).toBe(true);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
  });

  it('forgets a silent server within one lease, and ends its stream with the reason', () => {
    fake = new FakeSwarm();
    const silent = fake.join('a', { hosted: ALL });
    fake.join('b', { hosted: ALL });
    fake.clock.advance(1_000);
    silent.fallSilent();
    fake.clock.advance(15_000);
    expect(fake.membership.get('a')).toBeUndefined();
    expect(silent.endedBy).toContain('whole lease');
    expect(hopsOf(fake.swarm.chains)).toEqual(['b:0+10']);
  });

  it('never takes a server away from blocks that no other serves while it rolls a plan out', () => {
    fake = new FakeSwarm({ minimumGain: 0 });
    // Two slow servers hold halves; two fast ones make a quicker chain possible.
    fake.join('slow-1', { memoryBytes: HALF_BYTES, hosted: FIRST_HALF, slowness: 8 });
    fake.join('slow-2', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF, slowness: 8 });
    fake.clock.advance(1_000);
    fake.join('fast-1', { memoryBytes: HALF_BYTES });
    fake.join('fast-2', { memoryBytes: HALF_BYTES });
    for (let second = 0; second < 120; second += 1) {
      fake.clock.advance(1_000);
      expect(fake.swarm.unreadyReasons(), `after ${second} s`).toEqual([]);
    }
    expect(hopsOf(fake.swarm.chains)[0]).toMatch(/^fast-\d:0\+5 fast-\d:5\+5$/);
  });

  it('excludes a server that fails to load, with the reason, and decides anew from what is there', () => {
    fake = new FakeSwarm();
    const bad = fake.join('a-bad', { memoryBytes: 200, failsToLoad: true, loadMsPerBlock: 100 });
    fake.clock.advance(3_000);
    expect(bad.orders).toHaveLength(1);
    expect(fake.stateOf('a-bad')).toBe('excluded');
    expect(fake.swarm.unreadyReasons().join()).toContain('disk full');
    const good = fake.join('b-good');
    fake.clock.advance(15_000);
    expect(good.orders.at(-1)?.span).toEqual(ALL);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
    // Once the exclusion is over it may try again.
    fake.clock.advance(60_000);
    expect(bad.orders.length).toBeGreaterThan(1);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
  });

  it('keeps the plan when a change would gain less than it must, and says what it would have gained', () => {
    fake = new FakeSwarm({ minimumGain: 0.5 });
    fake.join('a', { hosted: ALL });
    fake.join('b', { hosted: ALL, slowness: 2 });
    fake.clock.advance(1_000);
    fake.swarm.askForPlan();
    fake.clock.advance(1_000);
    expect(fake.swarm.plan.decision).toMatchObject({ kind: 'keep', cause: 'operator' });
    expect(fake.swarm.plan.decision?.reason).toMatch(/no change|gain|nothing would change/);
    expect(fake.telemetry.blocks).toBe(0);
  });

  it('counts the time to load from the end of the requests that still run on the old blocks', async () => {
    fake = new FakeSwarm({ loadTimeoutMs: 8_000 });
    const z = fake.join('z', { memoryBytes: HALF_BYTES, hosted: FIRST_HALF });
    fake.join('y', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF, slowness: 4, isPinned: true });
    const a = fake.join('a', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF, loadMsPerBlock: 1_000_000 });
    fake.clock.advance(1_000);
    const running = await fake.dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    expect(running.chain.hops.map((hop) => hop.serverId)).toEqual(['z', 'a']);
    z.leave();
    fake.clock.advance(30_000);
    expect(a.orders.at(-1)?.span.firstBlock).toBe(0);
    expect(fake.stateOf('a')).toBe('not serving');
    running.release('failed');
    fake.clock.advance(7_900);
    expect(fake.stateOf('a')).toBe('not serving');
    fake.clock.advance(200);
    expect(fake.stateOf('a')).toBe('excluded');
  });
});

describe('servers that drain', () => {
  it('get no new work, and may go when their running request has ended', async () => {
    fake = new FakeSwarm();
    const server = fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const running = await fake.dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    expect(fake.swarm.drain('a')).toBe(true);
    expect(fake.swarm.drain('nobody')).toBe(false);
    expect(fake.swarm.chains).toEqual([]);
    fake.clock.advance(10_000);
    expect(server.isDrained).toBe(false);
    running.release('completed');
    expect(server.isDrained).toBe(true);
  });

  it('may go when their time is up, whatever still runs', async () => {
    fake = new FakeSwarm({ drainGraceMs: 20_000 });
    const server = fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    await fake.dispatcher.acquire({ id: '1', deadlineMs: undefined }, never);
    fake.swarm.leaving('a', server.incarnation);
    fake.clock.advance(19_000);
    expect(server.isDrained).toBe(false);
    fake.clock.advance(1_000);
    expect(server.isDrained).toBe(true);
  });

  it('hand their blocks to others, so that coverage lasts', () => {
    fake = new FakeSwarm();
    const first = fake.join('a', { memoryBytes: HALF_BYTES, hosted: FIRST_HALF });
    fake.join('b', { memoryBytes: HALF_BYTES, hosted: SECOND_HALF });
    const spare = fake.join('c', { memoryBytes: HALF_BYTES, hosted: FIRST_HALF, slowness: 2 });
    fake.clock.advance(1_000);
    fake.swarm.drain('b');
    fake.clock.advance(20_000);
    // Each was told what it hosts already; one of the two was then told to move.
    expect(first.orders.length + spare.orders.length).toBe(3);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
    expect(fake.swarm.chains.flatMap((chain) => chain.hops.map((hop) => hop.serverId))).not.toContain('b');
  });
});
