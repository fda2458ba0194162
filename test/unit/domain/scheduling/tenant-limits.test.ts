import { describe, expect, it } from 'vitest';
import type { Job, TenantLimit } from '../../../../src/domain/model/job.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';
import { TenantLimits } from '../../../../src/domain/scheduling/tenant-limits.ts';

const NONE: TenantLimit = { maxConcurrency: undefined, requestsPerMinute: undefined, tokensPerMinute: undefined };
const job = (id: string, more: Partial<Job> = {}): Job => ({ id, deadlineMs: undefined, tenant: 't', ...more });

describe('the limits of a tenant', () => {
  it('let a minute of requests through at once, then one by one as the minute passes', () => {
    const limits = new TenantLimits({ ...NONE, requestsPerMinute: 3 });
    for (let i = 0; i < 3; i += 1) {
      expect(limits.whyNot([job('a')], 0)).toBeUndefined();
      limits.took(job('a'), 0);
    }
    expect(limits.whyNot([job('a')], 0)).toBe(20_000);
    expect(limits.whyNot([job('a', { tenant: 'another' })], 0)).toBeUndefined();
    expect(limits.whyNot([job('a')], 19_000)).toBeCloseTo(1_000);
    expect(limits.whyNot([job('a')], 20_000)).toBeUndefined();
  });

  it('let a request larger than a minute of tokens through when the minute is whole, and keep its debt', () => {
    const limits = new TenantLimits({ ...NONE, tokensPerMinute: 100 });
    expect(limits.whyNot([job('a', { tokens: 150 })], 0)).toBeUndefined();
    limits.took(job('a', { tokens: 150 }), 0);
    expect(limits.whyNot([job('b', { tokens: 1 })], 0)).toBeCloseTo(0.51 * 60_000);
    expect(limits.whyNot([job('b', { tokens: 1 })], 31_000)).toBeUndefined();
  });

  it('count the requests that wait or run', () => {
    const limits = new TenantLimits({ ...NONE, maxConcurrency: 2 });
    const account = limits.took(job('a'), 0);
    expect(limits.whyNot([job('b'), job('c')], 0)).toBeGreaterThan(0);
    expect(limits.whyNot([job('b')], 0)).toBeUndefined();
    limits.took(job('b'), 0);
    expect(limits.whyNot([job('c')], 0)).toBeGreaterThan(0);
    limits.ended(account);
    expect(limits.whyNot([job('c')], 0)).toBeUndefined();
  });

  it('are the job’s own where it brings some', () => {
    const limits = new TenantLimits(undefined);
    expect(limits.took(job('free'), 0)).toBeUndefined();
    const own = job('bound', { limit: { ...NONE, requestsPerMinute: 1 } });
    expect(limits.took(own, 0)).toBeDefined();
    expect(limits.whyNot([own], 0)).toBe(60_000);
  });

  it('keep few names in memory, and let no name out of its limit by sending many others', () => {
    const limits = new TenantLimits({ ...NONE, requestsPerMinute: 1 });
    limits.took(job('x', { tenant: 'busy' }), 0);
    for (let i = 0; i < 20_000; i += 1) limits.took(job('x', { tenant: `name-${i}` }), 0);
    expect(limits.whyNot([job('x', { tenant: 'busy' })], 0)).toBe(60_000);
    // Beyond the accounts there are, all newcomers share one.
    expect(limits.whyNot([job('x', { tenant: 'newcomer' })], 0)).toBeGreaterThan(60_000);
    // A minute later the names are forgotten.
    expect(limits.whyNot([job('x', { tenant: 'newcomer' })], 3e8)).toBeUndefined();
  });
});

describe('a scheduler with limits', () => {
  const HOPS = [{ serverId: 's', firstBlock: 0, blockCount: 1 }];
  const setUp = (tenantLimit: TenantLimit): Scheduler => {
    const scheduler = new Scheduler({ queueLimit: 10, tenantLimit });
    const chain = { id: 'c', hops: HOPS, slots: 1, serviceSeconds: 1 };
    scheduler.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map() }, 0);
    return scheduler;
  };

  it('refuses what is over them, says when to come back, and keeps others out of it', () => {
    const scheduler = setUp({ ...NONE, requestsPerMinute: 2 });
    scheduler.arrive(job('1'), 0);
    scheduler.arrive(job('2'), 0);
    expect(scheduler.arrive(job('3'), 0)).toEqual([
      { kind: 'rejected', jobId: '3', reason: 'rate_limited', retryAfterMs: 30_000 },
    ]);
    expect(scheduler.arrive(job('4', { tenant: 'other' }), 0)).toEqual([]);
    expect(scheduler.whyNotTogether([job('5'), job('6')], 0)).toMatchObject({ reason: 'rate_limited' });
    expect(scheduler.counts).toMatchObject({ arrived: 4, rejected: 1 });
  });

  it.each(['completes', 'leaves the queue', 'expires', 'loses its chain and expires'])(
    'gives the place back when a request %s',
    (how) => {
      const scheduler = setUp({ ...NONE, maxConcurrency: 2 });
      scheduler.arrive(job('1'), 0);
      scheduler.arrive(job('2', { deadlineMs: 100 }), 0);
      expect(scheduler.arrive(job('3'), 0)).toMatchObject([{ reason: 'rate_limited' }]);
      if (how === 'completes') scheduler.complete('1', 'completed', 1);
      else if (how === 'leaves the queue') scheduler.complete('2', 'cancelled', 1);
      else if (how === 'expires') scheduler.advance(100);
      else {
        scheduler.adoptPlan({ epoch: 2, chains: [], serverSlots: new Map() }, 1);
        scheduler.displace('1', 50, 1);
        scheduler.advance(60);
        const chain = { id: 'c', hops: HOPS, slots: 1, serviceSeconds: 1 };
        scheduler.adoptPlan({ epoch: 3, chains: [chain], serverSlots: new Map() }, 61);
      }
      expect(scheduler.arrive(job('4'), 200)).not.toMatchObject([{ reason: 'rate_limited' }]);
    },
  );
});
