import { describe, expect, it } from 'vitest';
import { JobDescriptions } from '../../../../src/application/requests/job-descriptions.ts';
import type { Member } from '../../../../src/domain/membership/member.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const wish = {
  id: 'j',
  inputTokens: 100,
  maxOutputTokens: 20,
  deadlineMs: undefined,
  priority: 'normal',
  tenant: 't',
} as const;

function setUp(): { clock: FakeClock; jobs: JobDescriptions } {
  const clock = new FakeClock();
  const jobs = new JobDescriptions(clock, {
    sessionTokens: 512,
    granularityTokens: 16,
    typicalWorkload: { inputTokens: 100, outputTokens: 20 },
    overheadSeconds: 0.01,
    maxWaitMs: 60_000,
  });
  return { clock, jobs };
}

describe('the description of a job', () => {
  it('reserves prompt and longest output in whole grains, and never more than a session', () => {
    const { jobs } = setUp();
    expect(jobs.describe(wish).tokens).toBe(128);
    expect(jobs.describe({ ...wish, inputTokens: 108 }).tokens).toBe(128);
    expect(jobs.describe({ ...wish, inputTokens: 500, maxOutputTokens: 12 }).tokens).toBe(512);
  });

  it('has the size 1 for the typical request, and counts output by what it costs on the fastest chain', () => {
    const { jobs } = setUp();
    expect(jobs.describe(wish).size).toBe(1);
    const speeds = {
      overheadSecondsPerBlock: 0.001,
      prefillSecondsPerTokenPerBlock: 0.0001,
      decodeSecondsPerTokenPerBlock: 0.004,
      rttSeconds: 0.04,
      bandwidthBytesPerSecond: undefined,
      concurrencySlope: 1,
    };
    const hops = [{ serverId: 's', firstBlock: 0, blockCount: 10 }];
    const chain = { id: 'c', hops, slots: 1, serviceSeconds: 1 };
    jobs.chainsChanged([chain], { get: () => ({ speeds }) as Member });
    // A prompt token takes 1 ms, an output token 50 + 10 + 40 ms.
    expect(jobs.describe(wish).size).toBe(1);
    expect(jobs.describe({ ...wish, maxOutputTokens: 40 }).size).toBeCloseTo((0.1 + 4) / (0.1 + 2), 6);
    expect(jobs.describe({ ...wish, inputTokens: 200 }).size).toBeCloseTo((0.2 + 2) / (0.1 + 2), 6);
  });

  it('may wait until the deadline that the client named, and no longer than anybody may', () => {
    const { clock, jobs } = setUp();
    clock.advance(1_000);
    expect(jobs.describe(wish)).toMatchObject({ deadlineMs: 61_000, isUrgent: false });
    expect(jobs.describe({ ...wish, deadlineMs: 500 })).toMatchObject({ deadlineMs: 1_500, isUrgent: true });
    expect(jobs.describe({ ...wish, deadlineMs: 1e9 })).toMatchObject({ deadlineMs: 61_000, isUrgent: true });
  });
});
