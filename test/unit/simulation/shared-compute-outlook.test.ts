import { describe, expect, it } from 'vitest';
import { drawBloomSwarm, INPUT_TOKENS, MAX_LOAD, OUTPUT_TOKENS } from '../../../scripts/experiments/bloom-swarm.ts';
import { createComputeModel } from '../../../src/domain/planning/compute-model.ts';
import { makePlan } from '../../../src/domain/planning/make-plan.ts';
import { simulateSharedCompute } from '../../../src/simulation/simulate-shared-compute.ts';
import { summarize } from '../../../src/simulation/statistics.ts';
import { poissonJobs, typicalJobs } from '../../../src/simulation/workloads.ts';

const meanTokens = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS };

/** The approximation and the simulation of one plan of the paper's swarms. */
function compare(
  servers: number,
  ratePerSecond: number,
  reservedSlots: number,
  prefillChunkTokens: number | undefined,
  jobs = 1500,
) {
  const bloom = drawBloomSwarm('text', servers, 0.2, 10_000 * servers + 200);
  const plan = makePlan({
    ...bloom,
    arrivalRatePerSecond: ratePerSecond,
    maxLoad: MAX_LOAD,
    placementPolicy: 'gbp-cr-fill',
    objective: 'lower',
    reservedSlots,
  });
  if (plan.kind === 'infeasible') throw new Error(plan.reason);
  const terms = { ...bloom, meanTokens, prefillChunkTokens };
  const outlook = createComputeModel(terms, ratePerSecond).outlook(plan.chains);
  const drawn = typicalJobs(poissonJobs({ jobs, seed: 5, ratePerSecond }), ratePerSecond, 0.1);
  const simulated = summarize(simulateSharedCompute({ ...terms, chains: plan.chains, jobs: drawn }), 0.1).response.mean;
  return { outlook, simulated };
}

describe('the approximation of shared compute', () => {
  it.each([
    [10, 0.05, 3],
    [10, 0.05, 7],
    [20, 0.05, 1],
    [40, 0.05, 2],
    [10, 0.2, 3],
    [20, 0.2, 2],
    [20, 0.2, 7],
    [40, 0.2, 3],
  ])(
    'is trusted, and within a tenth of the simulation, for %i servers, %f requests a second and %i sessions',
    (servers, rate, slots) => {
      const { outlook, simulated } = compare(servers, rate, slots, 256);
      expect(outlook.isTrusted).toBe(true);
      expect(Math.abs((outlook.responseSeconds ?? 0) / simulated - 1)).toBeLessThan(0.1);
    },
  );

  it('is not trusted where prompts travel whole and hold everybody up', () => {
    expect(compare(20, 0.2, 7, undefined, 10).outlook.isTrusted).toBe(false);
  });

  it('is not trusted near saturation, and sees no mean beyond it', () => {
    expect(compare(10, 0.45, 3, 256, 10).outlook.isTrusted).toBe(false);
    expect(compare(10, 3, 3, 256, 10).outlook.responseSeconds).toBeUndefined();
  });
});
