import { describe, expect, it } from 'vitest';
import type { Chain } from '../../../src/domain/model/chain.ts';
import { createRng } from '../../../src/domain/shared/rng.ts';
import { simulateIndependent } from '../../../src/simulation/simulate-independent.ts';
import type { QueuePolicy } from '../../../src/simulation/simulate-policy.ts';
import { QUEUE_POLICIES, simulatePolicy } from '../../../src/simulation/simulate-policy.ts';
import { summarize } from '../../../src/simulation/statistics.ts';
import { poissonJobs, traceJobs } from '../../../src/simulation/workloads.ts';
import { erlangC } from '../../support/erlang-c.ts';
import { loadGoldenPlans } from '../../support/golden-plans.ts';

const chain = (id: string, slots: number, serviceSeconds: number): Chain => ({
  id,
  hops: [{ serverId: id, firstBlock: 0, blockCount: 1 }],
  slots,
  serviceSeconds,
});

const at = (...times: number[]) =>
  traceJobs(
    times.map((arrivalSeconds) => ({ arrivalSeconds, inputTokens: 1, outputTokens: 1 })),
    1,
  );

describe('policies with a queue per chain', () => {
  it.each(QUEUE_POLICIES)('%s is Erlang C on one chain', (policy) => {
    const jobs = poissonJobs({ jobs: 60_000, seed: 2, ratePerSecond: 1.5 });
    const records = simulatePolicy(policy, { chains: [chain('a', 4, 2)], jobs, rng: createRng(1) });
    const { response } = summarize(records, 0.1);
    expect(Math.abs(response.mean - erlangC(4, 2, 1.5))).toBeLessThan(2 * response.halfWidth);
  });

  it('sa-jsq takes the fastest free chain, then the shortest queue', () => {
    const chains = [chain('a', 1, 2), chain('b', 1, 5)];
    const { startSeconds, endSeconds } = simulatePolicy('sa-jsq', { chains, jobs: at(0, 0, 0, 0), rng: createRng(1) });
    expect([...startSeconds]).toEqual([0, 0, 2, 5]);
    expect([...endSeconds]).toEqual([2, 5, 4, 10]);
  });

  it('sed queues at a fast chain rather than run on a slow one', () => {
    const chains = [chain('a', 1, 1), chain('b', 1, 5)];
    const { endSeconds } = simulatePolicy('sed', { chains, jobs: at(0, 0, 0), rng: createRng(1) });
    expect([...endSeconds]).toEqual([1, 2, 3]);
  });

  it('jiq and jsq take any free chain, drawn from the stream', () => {
    const chains = [chain('a', 50, 1), chain('b', 50, 5)];
    for (const policy of ['jiq', 'jsq'] as const) {
      const records = simulatePolicy(policy, { chains, jobs: at(...new Array(40).fill(0)), rng: createRng(1) });
      const fast = [...records.endSeconds].filter((end) => end === 1).length;
      expect(fast).toBeGreaterThan(8);
      expect(fast).toBeLessThan(32);
    }
  });
});

describe('JFFC beside them', () => {
  const golden = loadGoldenPlans().find((one) => one.id === 'P06_code_v4');
  const chains = (golden?.atReservedSlotsFill.chains ?? []).map((one, k) =>
    chain(`k${k}`, one.slots, one.service_seconds),
  );
  const rate = golden?.atReservedSlotsFill.service_rate_per_second ?? 0;

  it.each([
    [0.3, 'jsq'],
    [0.3, 'jiq'],
    [0.5, 'sed'],
    [0.7, 'sed'],
    [0.9, 'sa-jsq'],
    [0.9, 'jiq'],
  ] as const)('answers sooner at load %d than %s', (load, policy: QueuePolicy) => {
    const jobs = poissonJobs({ jobs: 30_000, seed: 6, ratePerSecond: load * rate });
    const jffc = summarize(simulateIndependent({ chains, jobs }), 0.1).response;
    const other = summarize(simulatePolicy(policy, { chains, jobs, rng: createRng(6) }), 0.1).response;
    expect(jffc.mean).toBeLessThan(other.mean);
  });
});
