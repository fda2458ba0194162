import { describe, expect, it } from 'vitest';
import { chainId } from '../../../../src/domain/model/chain.ts';
import { usefulJobs } from '../../../../src/domain/planning/useful-jobs.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';

const speeds = {
  rttSeconds: 0.1,
  overheadSeconds: 0,
  overheadSecondsPerBlock: 0,
  prefillSecondsPerTokenPerBlock: 0.001,
  decodeSecondsPerTokenPerBlock: 0.01,
  concurrencySlope: 1,
};
const workload = { inputTokens: 100, outputTokens: 11 };
const hops = [
  { serverId: 'small', firstBlock: 0, blockCount: 2 },
  { serverId: 'large', firstBlock: 2, blockCount: 10 },
];
/** A block of one job takes 0.2 s: the large server 2 s of the 6. */
const chain = { id: chainId(hops), hops, slots: 1, serviceSeconds: 6 };

describe('the jobs that a chain can use at once', () => {
  it('are those that keep its busiest server busy', () => {
    expect(usefulJobs(chain, () => speeds, workload, 1)).toBe(3);
    expect(usefulJobs(chain, () => speeds, workload, 2)).toBe(6);
    expect(usefulJobs(chain, () => speeds, workload, 0.1)).toBe(1);
  });

  it('are more where servers batch, and without limit where nothing is known or batching is free', () => {
    expect(usefulJobs(chain, () => ({ ...speeds, concurrencySlope: 0.25 }), workload, 1)).toBe(12);
    expect(usefulJobs(chain, () => ({ ...speeds, concurrencySlope: 0 }), workload, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(usefulJobs(chain, (id) => (id === 'small' ? speeds : undefined), workload, 1)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it('are what the scheduler starts: further ones wait in the queue, where others may go first', () => {
    const scheduler = new Scheduler({ queueLimit: 10, cache: 'tokens' });
    const plan = { epoch: 1, chains: [chain], serverSlots: new Map() };
    scheduler.adoptPlan({ ...plan, jobLimits: [2] }, 0);
    const job = (id: string) => ({ id, deadlineMs: undefined, tokens: 5 });
    for (const id of ['a', 'b', 'c']) scheduler.arrive(job(id), 0);
    expect(scheduler.runningCount).toBe(2);
    scheduler.arrive({ ...job('d'), priority: 'high' }, 0);
    expect(scheduler.complete('a', 'completed', 1)).toMatchObject([{ jobId: 'd' }]);
    // A job that moves is not a new one.
    expect(scheduler.moveJob('b', chain, 2)).toEqual([]);
    expect(scheduler.adoptPlan({ ...plan, jobLimits: [1] }, 3)).toEqual([]);
    expect(scheduler.complete('b', 'completed', 4)).toEqual([]);
    expect(scheduler.complete('d', 'completed', 5)).toMatchObject([{ jobId: 'c' }]);
    expect(scheduler.adoptPlan(plan, 6)).toEqual([]);
  });
});
