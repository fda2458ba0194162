import { describe, expect, it } from 'vitest';
import type { Chain } from '../../../src/domain/model/chain.ts';
import { computeExactResponse } from '../../../src/domain/planning/exact-response-time.ts';
import { serviceRate } from '../../../src/domain/planning/response-time-bounds.ts';
import { simulateIndependent } from '../../../src/simulation/simulate-independent.ts';
import { summarize } from '../../../src/simulation/statistics.ts';
import { burstyJobs, poissonJobs, traceJobs } from '../../../src/simulation/workloads.ts';
import { erlangC } from '../../support/erlang-c.ts';

const chain = (slots: number, serviceSeconds: number, id = `${slots}x${serviceSeconds}`): Chain => ({
  id,
  hops: [{ serverId: id, firstBlock: 0, blockCount: 1 }],
  slots,
  serviceSeconds,
});

describe('a simulation of independent service', () => {
  it.each([0.3, 0.7, 0.9])('agrees with Erlang C for one chain at load %d', (load) => {
    const lambda = (load * 5) / 2;
    const jobs = poissonJobs({ jobs: 200_000, seed: 3, ratePerSecond: lambda });
    const { response } = summarize(simulateIndependent({ chains: [chain(5, 2)], jobs }), 0.05);
    const exact = erlangC(5, 2, lambda);
    expect(Math.abs(response.mean - exact)).toBeLessThan(2 * response.halfWidth);
    expect(response.halfWidth).toBeLessThan(0.1 * exact);
  });

  it.each([0.3, 0.7, 0.9])('agrees with the exact chain for several speeds at load %d', (load) => {
    const chains = [chain(3, 1), chain(4, 2.5), chain(2, 6)];
    const lambda = load * serviceRate(chains);
    const jobs = poissonJobs({ jobs: 200_000, seed: 4, ratePerSecond: lambda });
    const { response } = summarize(simulateIndependent({ chains, jobs }), 0.05);
    const exact = computeExactResponse(chains, lambda) ?? Number.NaN;
    expect(Math.abs(response.mean - exact)).toBeLessThan(2 * response.halfWidth);
    expect(response.halfWidth).toBeLessThan(0.1 * exact);
  });

  it('starts jobs in the order of arrival, never before it, and loses none', () => {
    const jobs = poissonJobs({ jobs: 5_000, seed: 5, ratePerSecond: 1.9 });
    const { arrivalSeconds, startSeconds, endSeconds } = simulateIndependent({ chains: [chain(2, 1)], jobs });
    for (let job = 0; job < jobs.count; job += 1) {
      expect(startSeconds[job]).toBeGreaterThanOrEqual(arrivalSeconds[job] ?? Number.NaN);
      expect(endSeconds[job]).toBeGreaterThanOrEqual(startSeconds[job] ?? Number.NaN);
      if (job > 0) expect(startSeconds[job]).toBeGreaterThanOrEqual(startSeconds[job - 1] ?? Number.NaN);
    }
  });

  it('takes the fastest free chain, and frees a slot before an arrival at the same time', () => {
    const jobs = traceJobs(
      [0, 0, 0, 1].map((arrivalSeconds) => ({ arrivalSeconds, inputTokens: 1, outputTokens: 1 })),
      1,
    );
    const records = simulateIndependent({ chains: [chain(1, 1), chain(1, 3)], jobs });
    expect([...records.startSeconds]).toEqual([0, 0, 1, 2]);
    expect([...records.endSeconds]).toEqual([1, 3, 2, 3]);
  });

  it('rejects jobs that find the queue full', () => {
    const jobs = traceJobs(
      [0, 0, 0, 0].map((arrivalSeconds) => ({ arrivalSeconds, inputTokens: 1, outputTokens: 1 })),
      1,
    );
    const records = simulateIndependent({ chains: [chain(1, 1)], jobs, queueLimit: 1 });
    expect([...records.endSeconds]).toEqual([1, 2, Number.NaN, Number.NaN]);
    expect(summarize(records, 0).jobs).toBe(2);
  });

  it('gives each job its own service time where tokens decide', () => {
    const jobs = traceJobs([{ arrivalSeconds: 7, inputTokens: 100, outputTokens: 5 }], 1);
    const serviceSeconds = (job: number): number => (jobs.tokens?.input[job] ?? 0) / 10;
    expect([...simulateIndependent({ chains: [chain(1, 1)], jobs, serviceSeconds }).endSeconds]).toEqual([10]);
  });

  it('gives the same bytes for the same seed', () => {
    const run = () =>
      simulateIndependent({
        chains: [chain(2, 1), chain(3, 2)],
        jobs: poissonJobs({ jobs: 2_000, seed: 9, ratePerSecond: 3 }),
      });
    const { hopsOf, ...figures } = run();
    const { hopsOf: hopsOfOther, ...others } = run();
    expect(others).toEqual(figures);
    expect(hopsOfOther?.(1_999)).toEqual(hopsOf?.(1_999));
  });
});

describe('workloads', () => {
  it('of Poisson arrivals have the rate, the spread and the sizes asked for', () => {
    const { arrivalSeconds, sizes } = poissonJobs({ jobs: 100_000, seed: 1, ratePerSecond: 4 });
    const gaps = arrivalSeconds.map((at, i) => at - (arrivalSeconds[i - 1] ?? 0));
    expect(mean(gaps)).toBeCloseTo(0.25, 2);
    expect(deviation(gaps) / mean(gaps)).toBeCloseTo(1, 1);
    expect(mean(sizes)).toBeCloseTo(1, 1);
    expect(deviation(sizes)).toBeCloseTo(1, 1);
  });

  it('of bursts keep the mean rate and spread more widely', () => {
    const { arrivalSeconds } = burstyJobs({
      jobs: 200_000,
      seed: 1,
      ratePerSecond: 4,
      burstFactor: 5,
      burstShare: 0.1,
      burstSeconds: 20,
    });
    const gaps = arrivalSeconds.map((at, i) => at - (arrivalSeconds[i - 1] ?? 0));
    expect(mean(gaps)).toBeCloseTo(0.25, 1);
    expect(deviation(gaps) / mean(gaps)).toBeGreaterThan(1.2);
  });

  it('keep their sizes when only the rate changes', () => {
    const sizes = (ratePerSecond: number) => poissonJobs({ jobs: 100, seed: 2, ratePerSecond }).sizes;
    expect(sizes(1)).toEqual(sizes(9));
  });

  it('of a trace start at zero and are stretched by the time scale', () => {
    const requests = [5, 6, 9].map((arrivalSeconds) => ({ arrivalSeconds, inputTokens: 1, outputTokens: 1 }));
    expect([...traceJobs(requests, 2).arrivalSeconds]).toEqual([0, 2, 8]);
  });
});

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: Float64Array): number {
  const average = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - average) ** 2)));
}

describe('a simulation with cache by tokens', () => {
  const jobs = traceJobs(
    [6, 6, 3].map((inputTokens) => ({ arrivalSeconds: 0, inputTokens, outputTokens: 1 })),
    1,
  );
  const tokens = { scheduling: { cache: 'tokens' }, serverCacheBytes: new Map([['s', 10]]) } as const;
  const describeJob = (job: number) => ({ tokens: jobs.tokens?.input[job] ?? 1 });

  it('starts what fits the tokens of a server, however many slots its chain has', () => {
    const records = simulateIndependent({ chains: [chain(1, 2, 's')], jobs, describeJob, ...tokens });
    // The third fits beside the first, before the second.
    expect([...records.startSeconds]).toEqual([0, 2, 0]);
  });

  it('starts no more than a chain may run at once', () => {
    const records = simulateIndependent({ chains: [chain(1, 2, 's')], jobs, describeJob, ...tokens, jobLimits: [1] });
    expect([...records.startSeconds]).toEqual([0, 2, 4]);
  });
});
