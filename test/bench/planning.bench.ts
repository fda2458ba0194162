import { expect, test } from 'vitest';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { decideReplan } from '../../src/domain/planning/replan-decision.ts';
import { computeResponseBounds } from '../../src/domain/planning/response-time-bounds.ts';
import { largeModel, mixedServers } from '../support/swarms.ts';

/**
 * How long does planning take? Servers of 10 to 79 GB at mixed speeds, 80 blocks of 1.7 GB, caches of
 * 0.13 GB. One operation is one plan: for a given reservation, or with the search over all of them.
 * Aims on one core: 1,000 servers below 50 ms a plan and 1 s a search, 100 servers below 50 ms a
 * search, bounds over 100,000 slots below 10 ms. Figures are read, not asserted.
 */
const options = { time: 500, iterations: 3, warmupIterations: 1, warmupTime: 0 };

const snapshot = (servers: number, arrivalRatePerSecond: number) => ({
  model: largeModel,
  arrivalRatePerSecond,
  maxLoad: 0.7,
  servers: mixedServers(servers),
  objective: 'lower' as const,
});

for (const [servers, arrivalRatePerSecond] of [
  [100, 2],
  [1_000, 20],
] as const) {
  for (const placementPolicy of ['gbp-cr', 'gbp-cr-fill'] as const) {
    const input = { ...snapshot(servers, arrivalRatePerSecond), placementPolicy };

    test(`${servers} servers, ${placementPolicy}: a plan and a search`, async ({ bench }) => {
      expect(makePlan(input)).toMatchObject({ kind: 'feasible', reason: undefined });
      await bench(`plan of ${servers} servers, ${placementPolicy}`, () => {
        makePlan({ ...input, reservedSlots: 6 });
      }).run(options);
      await bench(`search over ${servers} servers, ${placementPolicy}`, () => {
        makePlan(input);
      }).run(options);
    });
  }
}

test('bounds over 100,000 slots', async ({ bench }) => {
  const chains = Array.from({ length: 1_000 }, (_, k) => ({ slots: 100, serviceSeconds: 5 + k / 100 }));
  for (const arrivalRatePerSecond of [1_000, 10_000]) {
    expect(computeResponseBounds(chains, arrivalRatePerSecond)).toBeDefined();
    await bench(`both bounds at ${arrivalRatePerSecond} requests per second`, () => {
      computeResponseBounds(chains, arrivalRatePerSecond);
    }).run(options);
  }
});

/** One operation is one decision after a server has left and another has joined. Aims: 50 servers below 200 ms, 1,000 below 2 s. */
for (const [servers, arrivalRatePerSecond] of [
  [50, 1],
  [1_000, 20],
] as const) {
  test(`${servers} servers: a decision about the plan`, async ({ bench }) => {
    const input = { ...snapshot(servers, arrivalRatePerSecond), placementPolicy: 'gbp-cr-fill' as const };
    const plan = makePlan(input);
    if (plan.kind !== 'feasible') expect.unreachable(plan.reason);
    const left = plan.placement[1]?.serverId;
    const decide = () =>
      decideReplan({
        ...input,
        servers: input.servers.filter((server) => server.id !== left),
        pinned: new Set(),
        current: plan.placement.slice(2),
        wanted: plan.placement.filter((span) => span.serverId !== left),
        reservedSlots: plan.reservedSlots,
        secondsPerBlock: 1,
        horizonSeconds: 600,
        minimumGain: 0.05,
      });
    expect(decide().outlook.uncoveredBlocks).toBe(0);
    await bench(`decision over ${servers} servers`, decide).run(options);
  });
}
