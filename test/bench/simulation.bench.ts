import { expect, test } from 'vitest';
import { computeExactResponse } from '../../src/domain/planning/exact-response-time.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import type { SharedServerSpeeds } from '../../src/domain/planning/service-times.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { simulateSharedCompute } from '../../src/simulation/simulate-shared-compute.ts';
import { poissonJobs } from '../../src/simulation/workloads.ts';
import { largeModel, mixedServers } from '../support/swarms.ts';

/**
 * How long does a prediction take? Chains of a plan for 100 servers and 80 blocks at 2 requests per
 * second. One operation is one whole run. Aims on one core: 30,000 independent jobs in about 20 ms; a
 * million token steps at one hop in about a second.
 */
const options = { time: 500, iterations: 3, warmupIterations: 1, warmupTime: 0 };

const servers = mixedServers(100);
const arrivalRatePerSecond = 2;
const plan = makePlan({
  model: largeModel,
  servers,
  arrivalRatePerSecond,
  maxLoad: 0.7,
  placementPolicy: 'gbp-cr-fill',
  objective: 'lower',
});
const chains = plan.kind === 'feasible' ? plan.chains : [];

test('30,000 jobs under independent service', async ({ bench }) => {
  expect(chains.length).toBeGreaterThan(10);
  const jobs = poissonJobs({ jobs: 30_000, seed: 1, ratePerSecond: arrivalRatePerSecond });
  await bench('independent service', () => {
    simulateIndependent({ chains, jobs });
  }).run(options);
});

test('1,000 jobs of 8 pieces and 20 tokens under shared compute', async ({ bench }) => {
  const speeds = new Map<string, SharedServerSpeeds>(
    servers.map((server) => [
      server.id,
      {
        rttSeconds: 0.03,
        overheadSeconds: 0.018,
        overheadSecondsPerBlock: 0.0001,
        prefillSecondsPerTokenPerBlock: 0.00004,
        decodeSecondsPerTokenPerBlock: 0.0013,
        concurrencySlope: 1,
      },
    ]),
  );
  const jobs = poissonJobs({ jobs: 1_000, seed: 1, ratePerSecond: arrivalRatePerSecond });
  const meanTokens = { inputTokens: 2000, outputTokens: 20 };
  await bench('shared compute', () => {
    simulateSharedCompute({ chains, jobs, meanTokens, speeds, hiddenBytesPerToken: 0, prefillChunkTokens: 256 });
  }).run(options);
});

test('the exact mean of 13,824 states', async ({ bench }) => {
  const states = [
    { slots: 11, serviceSeconds: 10 },
    { slots: 11, serviceSeconds: 12 },
    { slots: 11, serviceSeconds: 15 },
    { slots: 7, serviceSeconds: 20 },
  ];
  expect(computeExactResponse(states, 1)).toBeDefined();
  await bench('exact response', () => {
    computeExactResponse(states, 1);
  }).run(options);
});
