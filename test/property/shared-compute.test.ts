import '../support/fixed-seed.ts';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { createDemand } from '../../src/domain/planning/compute-demand.ts';
import { limitByCompute } from '../../src/domain/planning/compute-limits.ts';
import { createComputeModel } from '../../src/domain/planning/compute-model.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import type { ResponsePredictor } from '../../src/domain/planning/response-predictor.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../../src/domain/planning/service-times.ts';

const meanTokens = { inputTokens: 400, outputTokens: 8 };
const BLOCKS = 12;

const speeds = fc.record({
  rttSeconds: fc.constantFrom(0.01, 0.04),
  overheadSeconds: fc.constantFrom(0, 0.01),
  overheadSecondsPerBlock: fc.constantFrom(0, 0.0005),
  prefillSecondsPerTokenPerBlock: fc.constantFrom(0.0001, 0.0003),
  decodeSecondsPerTokenPerBlock: fc.constantFrom(0.002, 0.006),
  concurrencySlope: fc.constantFrom(0, 0.4, 1),
});
const swarms = fc.record({
  speeds: fc.array(speeds, { minLength: 3, maxLength: 6 }),
  memory: fc.array(fc.integer({ min: 40, max: 160 }), { minLength: 6, maxLength: 6 }),
  arrivalRatePerSecond: fc.constantFrom(0.01, 0.3, 1, 3, 20),
  maxLoad: fc.constantFrom(0.4, 0.7, 1),
  prefillChunkTokens: fc.constantFrom(undefined, 64),
  placementPolicy: fc.constantFrom('gbp-cr' as const, 'gbp-cr-fill' as const, 'cg-bp' as const),
});

type Drawn = typeof swarms extends fc.Arbitrary<infer T> ? T : never;

/** The planner's input, with a predictor that knows the servers' compute and nothing else. */
function planned(drawn: Drawn) {
  const { arrivalRatePerSecond, prefillChunkTokens } = drawn;
  const servers = drawn.speeds.map((own, j) => ({
    id: `s${j}`,
    memoryBytes: drawn.memory[j] ?? 0,
    communicationSeconds: communicationSeconds(own, meanTokens, 0),
    computationSecondsPerBlock: computationSecondsPerBlock(own, meanTokens),
  }));
  const sharing = {
    meanTokens,
    speeds: new Map(servers.map(({ id }, j) => [id, drawn.speeds[j] ?? drawn.speeds[0]])),
    hiddenBytesPerToken: 0,
    prefillChunkTokens,
  } as Parameters<typeof createDemand>[0];
  const compute = createComputeModel(sharing, arrivalRatePerSecond);
  const look = (chains: Parameters<typeof compute.outlook>[0]) => compute.outlook(chains).responseSeconds;
  const predictor: ResponsePredictor = {
    compute,
    screen: (chains) => ({ seconds: look(chains), isTrusted: true }),
    estimate: look,
    predict: look,
    respectsServiceTime: false,
    budget: 10,
  };
  const model = { id: 'm', blockCount: BLOCKS, blockBytes: 8, cacheBytesPerBlock: 1 };
  const plan = makePlan({ ...drawn, model, servers, objective: 'lower', predictor });
  return { plan, sharing, compute };
}

describe('a plan where sessions share compute', () => {
  test.prop([swarms])(
    'tells of every server how busy it is, and calls no plan stable that asks for more than all of it',
    (drawn) => {
      const { plan } = planned(drawn);
      if (plan.kind === 'infeasible') return;
      const shares = [...(plan.utilisation ?? [])];
      for (const [id, share] of shares) {
        expect(plan.placement.map(({ serverId }) => serverId)).toContain(id);
        expect(share).toBeGreaterThanOrEqual(0);
        if (plan.responseSeconds !== undefined) expect(share).toBeLessThanOrEqual(1 + 1e-9);
      }
      const [busiest, most] = shares.reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as [string, number]);
      if (most > 1 + 1e-9) {
        expect(plan.responseSeconds).toBeUndefined();
        expect(plan.reason).toContain(`server ${busiest} would have to work ${(100 * most).toFixed(0)} %`);
      }
      if (plan.responseSeconds !== undefined && most > drawn.maxLoad)
        expect(plan.reason).toContain(`server ${busiest} works`);
    },
  );

  test.prop([swarms])('gives chains no slots that no server has the compute for', (drawn) => {
    const { plan, sharing } = planned(drawn);
    if (plan.kind === 'infeasible') return;
    const demands = plan.chains.map(createDemand(sharing));
    let served = 0;
    for (const maxUtilisation of [0.2, 0.7, 1, Number.POSITIVE_INFINITY]) {
      const limits = limitByCompute(plan.chains, demands, maxUtilisation);
      for (const share of limits.utilisation.values()) expect(share).toBeLessThanOrEqual(maxUtilisation + 1e-9);
      plan.chains.forEach((chain, k) => {
        const rate = limits.ratesPerSecond[k] ?? 0;
        const slots = limits.slots[k] ?? 0;
        expect(slots).toBeLessThanOrEqual(chain.slots);
        // As many as it takes for the rate, and not one more.
        expect(slots * (1 + 1e-6)).toBeGreaterThanOrEqual(rate * (demands[k]?.aloneSeconds ?? 0) - 1e-6);
        expect(slots - 1).toBeLessThan(rate * (demands[k]?.aloneSeconds ?? 0) + 1e-6);
      });
      expect(limits.serviceRatePerSecond).toBeGreaterThanOrEqual(served - 1e-9);
      served = limits.serviceRatePerSecond;
    }
  });

  test.prop([swarms])('keeps servers as busy as the jobs that go through them, whatever the chains', (drawn) => {
    const { plan, sharing, compute } = planned(drawn);
    if (plan.kind === 'infeasible') return;
    const { responseSeconds, utilisation } = compute.outlook(plan.chains);
    if (responseSeconds === undefined) return;
    const [fastest] = plan.chains
      .map(createDemand(sharing))
      .map(({ aloneSeconds }) => aloneSeconds)
      .sort((a, b) => a - b);
    expect(responseSeconds).toBeGreaterThanOrEqual((fastest ?? 0) * (1 - 1e-9));
    // Work is shared out between servers, and neither made nor lost: at most the costliest chain's for every job.
    const works = plan.chains
      .map(createDemand(sharing))
      .map(({ hops }) => hops.reduce((sum, hop) => sum + hop.exclusiveSeconds, 0));
    const total = [...utilisation.values()].reduce((sum, share) => sum + share, 0);
    expect(total).toBeLessThanOrEqual(drawn.arrivalRatePerSecond * Math.max(...works) * (1 + 1e-6) + 1e-12);
    if (Math.max(0, ...utilisation.values()) === 1) return;
    expect(total).toBeGreaterThanOrEqual(drawn.arrivalRatePerSecond * Math.min(...works) * (1 - 1e-6) - 1e-12);
  });
});
