import { describe, expect, it } from 'vitest';
import { phaseOf, type Registration } from '../../../../src/domain/membership/member.ts';
import { Membership } from '../../../../src/domain/membership/membership.ts';
import type { MembershipEffect } from '../../../../src/domain/membership/membership-effects.ts';

const OPTIONS = {
  leaseMs: 1_000,
  loadTimeoutMs: 5_000,
  exclusionMs: 10_000,
  limit: 3,
  speedChangeThreshold: 0.25,
  flapLimit: 3,
  flapWindowMs: 60_000,
};
const SPAN = { firstBlock: 0, blockCount: 4 };
const SPEEDS = {
  overheadSecondsPerBlock: 0.001,
  prefillSecondsPerTokenPerBlock: 0.001,
  decodeSecondsPerTokenPerBlock: 0.002,
  rttSeconds: 0.01,
  bandwidthBytesPerSecond: undefined,
  concurrencySlope: 1,
};

function registration(serverId: string, overrides: Partial<Registration> = {}): Registration {
  return {
    serverId,
    modelId: 'm',
    address: '127.0.0.1:1',
    protocol: 'grpc',
    memoryBytes: 1_000,
    speeds: SPEEDS,
    hosted: undefined,
    isPinned: false,
    labels: new Map(),
    dtype: 'float32',
    weightsDigest: '',
    ...overrides,
  };
}

const kinds = (effects: readonly MembershipEffect[]): string[] =>
  effects.map((effect) => ('reason' in effect ? `${effect.kind}:${effect.reason}` : effect.kind));

function phase(membership: Membership, serverId: string): string | undefined {
  const member = membership.get(serverId);
  return member === undefined ? undefined : phaseOf(member);
}

describe('membership', () => {
  it('takes a server from joining over loading to serving', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation, effects } = membership.join(registration('a'), 0);
    expect(kinds(effects)).toEqual(['plan-stale:join']);
    expect(phase(membership, 'a')).toBe('joining');
    membership.assign('a', 1, SPAN, 10);
    expect(phase(membership, 'a')).toBe('loading');
    expect(kinds(membership.spanReady('a', incarnation, 1, SPAN, 20))).toEqual(['readiness-changed']);
    expect(phase(membership, 'a')).toBe('serving');
    expect(membership.get('a')?.ready).toEqual(SPAN);
  });

  it('lists members by id, whatever the order in which they joined', () => {
    const membership = new Membership(OPTIONS);
    for (const id of ['c', 'a', 'b']) membership.join(registration(id), 0);
    expect(membership.members().map((member) => member.serverId)).toEqual(['a', 'b', 'c']);
    expect(membership.isFull).toBe(true);
  });

  it('loses a server that is silent for a whole lease, and not one that was heard just before', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a'), 0);
    membership.join(registration('b'), 0);
    membership.heartbeat('a', incarnation, { cacheBytesFree: 7, sessions: 1, speeds: undefined }, 900);
    expect(membership.nextDeadlineMs()).toBe(1_000);
    expect(kinds(membership.advance(1_000))).toEqual(['lost:lease_expired', 'readiness-changed', 'plan-stale:lost']);
    expect(phase(membership, 'a')).toBe('joining');
    expect(phase(membership, 'b')).toBeUndefined();
    expect(membership.nextDeadlineMs()).toBe(1_900);
  });

  it('takes over more memory than was declared, and never less', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a', { memoryBytes: 1_000 }), 0);
    const report = (memoryBytes: number | undefined) => ({
      ...{ cacheBytesFree: 0, sessions: undefined, speeds: undefined, memoryBytes },
    });
    expect(membership.heartbeat('a', incarnation, report(undefined), 1)).toEqual([]);
    expect(membership.heartbeat('a', incarnation, report(900), 2)).toEqual([]);
    expect(kinds(membership.heartbeat('a', incarnation, report(3_000), 3))).toEqual([
      'plan-stale:memory',
      'readiness-changed',
    ]);
    expect(membership.get('a')).toMatchObject({ memoryBytes: 3_000, incarnation, sessions: 0 });
  });

  it('keeps what a server hosts when the plan tells it the same span, and not when it tells another', () => {
    const membership = new Membership(OPTIONS);
    membership.join(registration('a', { hosted: SPAN }), 0);
    expect(phase(membership, 'a')).toBe('serving');
    membership.assign('a', 1, { ...SPAN }, 1);
    expect(phase(membership, 'a')).toBe('serving');
    membership.assign('a', 2, { firstBlock: 1, blockCount: 4 }, 2);
    expect(phase(membership, 'a')).toBe('loading');
  });

  it('ignores readiness for another span, for a plan that was never made, and from an older stream', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a'), 0);
    membership.assign('a', 3, SPAN, 0);
    expect(membership.spanReady('a', incarnation, 3, { firstBlock: 1, blockCount: 4 }, 1)).toEqual([]);
    expect(membership.spanReady('a', incarnation, 4, SPAN, 1)).toEqual([]);
    expect(membership.spanReady('a', incarnation - 1, 3, SPAN, 1)).toEqual([]);
    expect(phase(membership, 'a')).toBe('loading');
  });

  it('lets nothing of an older stream touch the server that joined again', () => {
    const membership = new Membership(OPTIONS);
    const first = membership.join(registration('a'), 0);
    const second = membership.join(registration('a', { memoryBytes: 2_000 }), 5);
    expect(kinds(second.effects)).toEqual(['lost:replaced', 'plan-stale:join']);
    expect(membership.remove('a', first.incarnation, 'stream_ended', 30)).toEqual([]);
    expect(membership.drain('a', first.incarnation)).toEqual([]);
    expect(membership.get('a')?.memoryBytes).toBe(2_000);
    expect(kinds(membership.remove('a', second.incarnation, 'left', 30))).toEqual([
      'lost:left',
      'readiness-changed',
      'plan-stale:leave',
    ]);
  });

  it('excludes a server that is not ready in time, and readmits it afterwards as one that must load', () => {
    const membership = new Membership({ ...OPTIONS, leaseMs: 100_000 });
    membership.join(registration('a'), 0);
    membership.assign('a', 1, SPAN, 0);
    expect(membership.advance(4_999)).toEqual([]);
    expect(kinds(membership.advance(5_000))).toEqual([
      expect.stringContaining('excluded:it was not ready 5 s'),
      'readiness-changed',
      'plan-stale:excluded',
    ]);
    expect(phase(membership, 'a')).toBe('excluded');
    expect(membership.nextDeadlineMs()).toBe(15_000);
    expect(kinds(membership.advance(15_000))).toEqual(['plan-stale:readmitted', 'readiness-changed']);
    expect(phase(membership, 'a')).toBe('joining');
  });

  it('excludes twice as long with every further fault, also over a new stream', () => {
    const membership = new Membership({ ...OPTIONS, leaseMs: 10_000_000 });
    membership.join(registration('a', { hosted: SPAN }), 0);
    membership.exclude('a', 'NaN', 0);
    expect(membership.get('a')?.exclusion?.untilMs).toBe(10_000);
    membership.advance(10_000);
    membership.exclude('a', 'NaN', 20_000);
    expect(membership.get('a')?.exclusion?.untilMs).toBe(40_000);
    const { incarnation } = membership.join(registration('a'), 21_000);
    expect(phase(membership, 'a')).toBe('excluded');
    membership.remove('a', incarnation, 'left', 30);
    membership.join(registration('a'), 22_000);
    expect(membership.get('a')?.exclusion?.untilMs).toBe(40_000);
  });

  it('readmits a server that was merely lost as soon as it is back', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a'), 0);
    membership.exclude('a', 'its connection broke', 1, false);
    membership.remove('a', incarnation, 'stream_ended', 30);
    membership.join(registration('a'), 2);
    expect(phase(membership, 'a')).toBe('joining');
  });

  it('makes the plan stale when a speed changes by more than the threshold, and only then', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a'), 0);
    const report = (factor: number) => ({
      cacheBytesFree: 0,
      sessions: 0,
      speeds: { ...SPEEDS, decodeSecondsPerTokenPerBlock: SPEEDS.decodeSecondsPerTokenPerBlock * factor },
    });
    expect(membership.heartbeat('a', incarnation, report(1.2), 1)).toEqual([]);
    // A slow drift counts against the speed last planned for, not against the last report.
    expect(kinds(membership.heartbeat('a', incarnation, report(1.4), 2))).toEqual(['plan-stale:speed']);
    expect(membership.heartbeat('a', incarnation, report(1.5), 3)).toEqual([]);
    expect(kinds(membership.heartbeat('a', incarnation, report(0.9), 4))).toEqual(['plan-stale:speed']);
  });

  it('takes no new work for a server that leaves', () => {
    const membership = new Membership(OPTIONS);
    const { incarnation } = membership.join(registration('a', { hosted: SPAN }), 0);
    expect(kinds(membership.drain('a', incarnation))).toEqual(['readiness-changed', 'plan-stale:drain']);
    expect(phase(membership, 'a')).toBe('draining');
    expect(membership.drain('a', incarnation)).toEqual([]);
  });

  it('holds out a server that joins and leaves again and again, longer each time, and says why', () => {
    const membership = new Membership(OPTIONS);
    const visit = (nowMs: number, address = `127.0.0.1:${nowMs}`): readonly MembershipEffect[] => {
      const { incarnation, effects } = membership.join(registration('a', { hosted: SPAN, address }), nowMs);
      const state = phase(membership, 'a');
      membership.remove('a', incarnation, 'stream_ended', nowMs + 1);
      return state === 'excluded' ? effects : [];
    };
    expect([0, 100, 200].flatMap((ms) => visit(ms))).toEqual([]);
    expect(kinds(visit(300))[0]).toBe('excluded:it joined more than 3 times within 60 s');
    // It comes back once the exclusion is over, and is held out twice as long when it goes on like that.
    expect(visit(10_400).length).toBeGreaterThan(0);
    membership.join(registration('a', { hosted: SPAN }), 10_500);
    expect(membership.get('a')?.exclusion?.untilMs).toBe(30_400);
    // A server that stays is readmitted.
    expect(kinds(membership.advance(30_400))).toContain('lost:lease_expired');
    membership.join(registration('a', { hosted: SPAN }), 80_000);
    expect(phase(membership, 'a')).toBe('serving');
  });

  it('refuses the newcomer of two agents that take one id from each other, so that one of them can stay', () => {
    const membership = new Membership(OPTIONS);
    const agents = ['127.0.0.1:1', '127.0.0.1:2'].map((address) => registration('a', { address }));
    let nowMs = 0;
    for (const agent of [...agents, ...agents]) {
      nowMs += 100;
      if (membership.whyRefused(agent, nowMs) === undefined) membership.join(agent, nowMs);
    }
    const [first, second] = agents as [Registration, Registration];
    expect(membership.get('a')?.address).toBe(first.address);
    expect(membership.whyRefused(second, nowMs)).toMatch(/^server_id: 'a' is in use at 127.0.0.1:1.*--server-id/);
    expect(membership.whyRefused(first, nowMs)).toBeUndefined();
    // Once the first one has gone, the second is welcome.
    expect(kinds(membership.advance(nowMs + 2_000))).toContain('lost:lease_expired');
    expect(membership.whyRefused(second, nowMs + 2_000)).toBeUndefined();
  });

  it('refuses servers beyond its limit, and not those that are there already', () => {
    const membership = new Membership(OPTIONS);
    for (const id of ['a', 'b', 'c']) membership.join(registration(id), 0);
    expect(membership.whyRefused(registration('d'), 1)).toContain('full');
    expect(membership.whyRefused(registration('a'), 1)).toBeUndefined();
  });

  it('keeps draining a server that lost its stream, and not one that was started anew', () => {
    const membership = new Membership(OPTIONS);
    const first = membership.join(registration('a', { hosted: SPAN }), 0);
    membership.drain('a', first.incarnation);
    membership.remove('a', first.incarnation, 'stream_ended', 10);
    const second = membership.join(registration('a', { hosted: SPAN }), 20);
    expect(phase(membership, 'a')).toBe('draining');
    membership.remove('a', second.incarnation, 'left', 30);
    membership.join(registration('a'), 40);
    expect(phase(membership, 'a')).toBe('joining');
  });
});
