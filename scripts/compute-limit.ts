/**
 * How many requests should run at once on a chain? The recorded trace and random arrivals on the trace scenario's
 * plan, in the simulator with shared compute, with limits of several times what raises throughput and without:
 * with the caches of the scenario, and with an eighth of the bytes per token, so that caches hold dozens. Prints
 * Markdown tables: mean, median and 99th percentile of the response, seconds.
 *
 *   npm run bench:limit
 */
import type { ModelShape } from '../src/domain/model/model.ts';
import { makePlan } from '../src/domain/planning/make-plan.ts';
import { computationSecondsPerBlock, type TokenWorkload } from '../src/domain/planning/service-times.ts';
import { invariant } from '../src/domain/shared/invariant.ts';
import { simulateSharedCompute } from '../src/simulation/simulate-shared-compute.ts';
import { summarize } from '../src/simulation/statistics.ts';
import { tokenScheduling } from '../src/simulation/token-scheduling.ts';
import { poissonJobs, type SimulatedJobs, traceJobs, typicalJobs } from '../src/simulation/workloads.ts';
import { readLiveScenario } from './emulation/live-scenario.ts';
import { readAzureTrace } from './experiments/azure-trace.ts';

const LIMITS = [undefined, 3, 2, 1.5, 1.25, 1] as const;
const WORKLOAD = { inputTokens: 1024, outputTokens: 24 };
const TRACE_WORKLOAD = { inputTokens: 2048, outputTokens: 28 };
/** Gaps of the trace for 0.2, 0.32 and 0.4 requests a second. */
const TRACE_SCALES = { 0.2: 12.8334, 0.32: 8, 0.4: 6.4 } as const;
const JOBS = 2_500;
const WARM_UP_SHARE = 0.1;
const CHUNK_TOKENS = 256;

for (const [slope, cacheFactor] of [
  [1, 1],
  [1, 8],
  [0.3, 8],
] as const) {
  const { contest } = await readLiveScenario(1, slope);
  const plan = makePlan({
    ...contest,
    placementPolicy: 'gbp-cr',
    objective: 'lower',
    reservedSlots: 3,
    predictor: undefined,
  });
  invariant(plan.kind === 'feasible', 'the scenario has a plan');
  const model: ModelShape = { ...contest.model, cacheBytesPerBlock: contest.model.cacheBytesPerBlock / cacheFactor };
  const responseOf = (jobs: SimulatedJobs, meanTokens: TokenWorkload, maxComputeLoad: number | undefined): string => {
    const terms = { ...contest, model, meanTokens, jobs };
    const choice = {
      cache: 'tokens',
      planTokens: undefined,
      maxComputeLoad,
      scheduling: { order: 'shortest' },
    } as const;
    const records = simulateSharedCompute({
      ...terms,
      ...tokenScheduling(terms, choice, plan),
      prefillChunkTokens: CHUNK_TOKENS,
    });
    const { mean, p50, p99 } = summarize(records, WARM_UP_SHARE).response;
    return `${mean.toFixed(1)} / ${p50.toFixed(1)} / ${p99.toFixed(0)}`;
  };
  console.log(`\nslope ${slope}, caches hold ${cacheFactor} times the tokens\n`);
  console.log(`| | ${LIMITS.map((limit) => limit ?? 'no limit').join(' | ')} |`);
  console.log(`|---|${LIMITS.map(() => '---|').join('')}`);
  for (const load of [0.5, 0.65, 0.8]) {
    const [fast] = [...contest.speeds.values()];
    invariant(fast !== undefined, 'the scenario has servers');
    const ratePerSecond = (load * 2) / (14 * computationSecondsPerBlock(fast, WORKLOAD));
    const jobs = randomJobs(ratePerSecond);
    console.log(
      `| random, ${ratePerSecond.toFixed(2)}/s | ${LIMITS.map((limit) => responseOf(jobs, WORKLOAD, limit)).join(' | ')} |`,
    );
  }
  for (const [rate, scale] of Object.entries(TRACE_SCALES)) {
    const jobs = traceJobs(readAzureTrace(8_819), scale);
    console.log(`| trace, ${rate}/s | ${LIMITS.map((limit) => responseOf(jobs, TRACE_WORKLOAD, limit)).join(' | ')} |`);
  }
}

function randomJobs(ratePerSecond: number): SimulatedJobs {
  const jobs = typicalJobs(poissonJobs({ jobs: JOBS, seed: 1, ratePerSecond }), ratePerSecond, WARM_UP_SHARE);
  const tokens = (mean: number) => jobs.sizes.map((size) => Math.min(7_000, Math.max(1, Math.round(size * mean))));
  return { ...jobs, tokens: { input: tokens(WORKLOAD.inputTokens), output: tokens(WORKLOAD.outputTokens) } };
}
