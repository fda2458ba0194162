import { describe, expect, it } from 'vitest';
import type { Chain } from '../../../src/domain/model/chain.ts';
import type { SharedServerSpeeds } from '../../../src/domain/planning/service-times.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../../../src/domain/planning/service-times.ts';
import { createRng } from '../../../src/domain/shared/rng.ts';
import type { SharedComputeSimulation } from '../../../src/simulation/simulate-shared-compute.ts';
import { sharedComputeSteps, simulateSharedCompute } from '../../../src/simulation/simulate-shared-compute.ts';
import { poissonJobs, traceJobs } from '../../../src/simulation/workloads.ts';

const speedy: SharedServerSpeeds = {
  rttSeconds: 0.04,
  overheadSeconds: 0.02,
  overheadSecondsPerBlock: 0.001,
  prefillSecondsPerTokenPerBlock: 0.0001,
  decodeSecondsPerTokenPerBlock: 0.002,
  concurrencySlope: 1,
};
const slow: SharedServerSpeeds = { ...speedy, rttSeconds: 0.1, prefillSecondsPerTokenPerBlock: 0.0003 };

const chain = (id: string, slots: number, ...hops: [serverId: string, blockCount: number][]): Chain => ({
  id,
  hops: hops.map(([serverId, blockCount]) => ({ serverId, firstBlock: 0, blockCount })),
  slots,
  serviceSeconds: 1,
});

const request = (arrivalSeconds: number, inputTokens: number, outputTokens: number) => ({
  arrivalSeconds,
  inputTokens,
  outputTokens,
});

function simulation(overrides: Partial<SharedComputeSimulation> = {}): SharedComputeSimulation {
  return {
    chains: [chain('k', 4, ['a', 10], ['b', 20])],
    jobs: traceJobs([request(0, 100, 5)], 1),
    meanTokens: { inputTokens: 100, outputTokens: 5 },
    speeds: new Map([
      ['a', speedy],
      ['b', slow],
    ]),
    hiddenBytesPerToken: 0,
    ...overrides,
  };
}

describe('a simulation of shared compute', () => {
  it('gives a lone job the service time of the plan', () => {
    const tokens = { inputTokens: 100, outputTokens: 5 };
    const alone = [
      { speeds: speedy, blocks: 10 },
      { speeds: slow, blocks: 20 },
    ].reduce(
      (sum, { speeds, blocks }) =>
        sum + communicationSeconds(speeds, tokens, 0) + blocks * computationSecondsPerBlock(speeds, tokens),
      0,
    );
    const { endSeconds, firstTokenSeconds } = simulateSharedCompute(simulation());
    expect(endSeconds[0]).toBeCloseTo(alone, 12);
    // The first token is out after the prompt alone: one exchange with each server and its prefill.
    expect(firstTokenSeconds?.[0]).toBeCloseTo(0.06 + 0.12 + 10 * 0.011 + 20 * 0.031, 12);
  });

  it('lets pieces of a prompt overlap on consecutive servers', () => {
    const whole = simulateSharedCompute(simulation()).firstTokenSeconds?.[0] ?? 0;
    const records = simulateSharedCompute(simulation({ prefillChunkTokens: 50 }));
    // The first piece reaches b while a works on the second, which then waits for b: only a's part overlaps.
    const [atA, atB] = [10 * 0.006, 20 * 0.016];
    expect(records.firstTokenSeconds?.[0]).toBeCloseTo(0.06 + 0.12 + atA + 2 * atB, 12);
    expect(records.firstTokenSeconds?.[0]).toBeLessThan(whole);
  });

  it('runs the steps of two sessions one after another where the slope is 1', () => {
    const jobs = traceJobs([request(0, 100, 1), request(0, 100, 1)], 1);
    const chains = [chain('k', 2, ['a', 10])];
    const { endSeconds } = simulateSharedCompute(simulation({ jobs, chains }));
    expect([...endSeconds].map((at) => at.toFixed(9))).toEqual([(0.06 + 0.11).toFixed(9), (0.06 + 0.22).toFixed(9)]);
  });

  it('runs them for free beside each other where the slope is 0, and in between elsewhere', () => {
    const jobs = traceJobs([request(0, 100, 1), request(0, 100, 1)], 1);
    const chains = [chain('k', 2, ['a', 10])];
    for (const concurrencySlope of [0, 0.25]) {
      const speeds = new Map([['a', { ...speedy, concurrencySlope }]]);
      const { endSeconds } = simulateSharedCompute(simulation({ jobs, chains, speeds }));
      expect(endSeconds[0]).toBeCloseTo(0.06 + 0.11, 12);
      expect(endSeconds[1]).toBeCloseTo(0.06 + 0.11 * (1 + concurrencySlope), 12);
    }
  });

  it('lets another session slip in between the pieces of a long prompt', () => {
    const jobs = traceJobs([request(0, 1000, 1), request(0.001, 10, 1)], 1);
    const chains = [chain('k', 2, ['a', 10])];
    const whole = simulateSharedCompute(simulation({ jobs, chains })).endSeconds;
    const pieces = simulateSharedCompute(simulation({ jobs, chains, prefillChunkTokens: 100 })).endSeconds;
    expect(whole[1]).toBeGreaterThan(whole[0] ?? 0);
    expect(pieces[1]).toBeLessThan((pieces[0] ?? 0) / 2);
  });

  it('adds the time of hidden states on a slow link', () => {
    const speeds = new Map([['a', { ...speedy, bandwidthBytesPerSecond: 1000 }]]);
    const chains = [chain('k', 1, ['a', 10])];
    const jobs = traceJobs([request(0, 100, 1)], 1);
    const { endSeconds } = simulateSharedCompute(simulation({ jobs, chains, speeds, hiddenBytesPerToken: 2 }));
    expect(endSeconds[0]).toBeCloseTo(0.06 + 0.11 + 0.4, 12);
  });

  it('makes a job wait for a slot in the order of arrival', () => {
    const jobs = traceJobs([request(0, 100, 3), request(0, 100, 3), request(0, 100, 3)], 1);
    const { startSeconds, endSeconds } = simulateSharedCompute(
      simulation({ jobs, chains: [chain('k', 1, ['a', 10])] }),
    );
    expect([...startSeconds]).toEqual([0, endSeconds[0], endSeconds[1]]);
  });

  it('finishes every job, first token before the end, at random sizes and pieces', () => {
    const rng = createRng(11, 'test');
    const requests = Array.from({ length: 300 }, (_, k) =>
      request(k * 0.3, 1 + Math.floor(400 * rng.next()), 1 + Math.floor(20 * rng.next())),
    );
    const shared = simulation({
      jobs: traceJobs(requests, 1),
      chains: [chain('k', 3, ['a', 10], ['b', 20]), chain('l', 2, ['b', 5], ['c', 3], ['a', 22])],
      speeds: new Map([
        ['a', speedy],
        ['b', { ...slow, concurrencySlope: 0.5 }],
        ['c', { ...speedy, bandwidthBytesPerSecond: 1e5 }],
      ]),
      hiddenBytesPerToken: 128,
      prefillChunkTokens: 64,
    });
    const records = simulateSharedCompute(shared);
    for (let job = 0; job < requests.length; job += 1) {
      expect(records.firstTokenSeconds?.[job]).toBeGreaterThan(records.startSeconds[job] ?? Number.NaN);
      expect(records.endSeconds[job]).toBeGreaterThanOrEqual(records.firstTokenSeconds?.[job] ?? Number.NaN);
    }
    const { hopsOf, ...figures } = records;
    const { hopsOf: hopsOfOther, ...others } = simulateSharedCompute(shared);
    expect(others).toEqual(figures);
    expect(hopsOfOther?.(0)).toEqual(hopsOf?.(0));
  });

  it('takes tokens from sizes where the jobs bring none, and counts its steps beforehand', () => {
    const jobs = poissonJobs({ jobs: 50, seed: 1, ratePerSecond: 1 });
    jobs.sizes.fill(2);
    expect(sharedComputeSteps(simulation({ jobs, prefillChunkTokens: 30 }))).toBe(50 * (7 + 9));
    expect(sharedComputeSteps(simulation({ jobs }))).toBe(50 * (1 + 9));
  });
});
