import type { Chain } from '../domain/model/chain.ts';
import type { ResponseBounds } from '../domain/model/plan.ts';
import type { ComputeSharing } from '../domain/planning/compute-demand.ts';
import { createComputeModel } from '../domain/planning/compute-model.ts';
import { computeExactResponse } from '../domain/planning/exact-response-time.ts';
import { estimateOverflow } from '../domain/planning/overflow-estimate.ts';
import type { ResponsePredictor } from '../domain/planning/response-predictor.ts';
import { computeResponseBounds, serviceRate } from '../domain/planning/response-time-bounds.ts';
import { usefulJobs } from '../domain/planning/useful-jobs.ts';
import type { JobRecords } from './job-records.ts';
import { simulateIndependent } from './simulate-independent.ts';
import { simulateSharedCompute } from './simulate-shared-compute.ts';
import { summarize } from './statistics.ts';
import type { RandomWorkload, SimulatedJobs } from './workloads.ts';
import { poissonJobs, typicalJobs } from './workloads.ts';

const WARM_UP_SHARE = 0.1;
const INDEPENDENT_JOBS = 20_000;
/** For the one prediction that people read. */
const INDEPENDENT_PREDICTION_JOBS = 100_000;
/** Jobs in the system over simulated jobs: beyond, a run is all warm-up. */
const MAX_SHARE_IN_SYSTEM = 0.02;
const INDEPENDENT_BUDGET = 200;
/** Exact solutions of more states take longer than a simulation is worth. */
const EXACT_STATES = 5_000;

/** Predictions under the paper's service model: exact for small plans, simulated for the others. */
export function createIndependentPredictor(arrivalRatePerSecond: number, seed = 1): ResponsePredictor {
  const jobsOf = (count: number): SimulatedJobs =>
    typicalPoissonJobs({ jobs: count, seed, ratePerSecond: arrivalRatePerSecond });
  const estimateJobs = jobsOf(INDEPENDENT_JOBS);
  /** Undefined when so many jobs are served at once that the simulated ones would hardly fill the system. */
  const simulate = (chains: readonly Chain[], lower: number, jobs: SimulatedJobs): number | undefined => {
    if (arrivalRatePerSecond * lower > MAX_SHARE_IN_SYSTEM * jobs.count) return undefined;
    return meanResponse(simulateIndependent({ chains, jobs }));
  };
  return {
    screen: (chains) => ({
      seconds: estimateOverflow(chains, arrivalRatePerSecond)?.responseSeconds,
      isTrusted: true,
    }),
    estimate: (chains, uselessFromSeconds = Number.POSITIVE_INFINITY) => {
      const bounds = computeResponseBounds(chains, arrivalRatePerSecond);
      if (bounds === undefined || bounds.lower >= uselessFromSeconds) return bounds?.lower;
      return within(bounds, simulate(chains, bounds.lower, estimateJobs) ?? bounds.lower);
    },
    predict: (chains, uselessFromSeconds = Number.POSITIVE_INFINITY) => {
      const bounds = computeResponseBounds(chains, arrivalRatePerSecond);
      if (bounds === undefined || bounds.lower >= uselessFromSeconds) return bounds?.lower;
      const exact = computeExactResponse(chains, arrivalRatePerSecond, EXACT_STATES);
      const predicted = exact ?? simulate(chains, bounds.lower, jobsOf(INDEPENDENT_PREDICTION_JOBS));
      return predicted && within(bounds, predicted);
    },
    respectsServiceTime: true,
    budget: INDEPENDENT_BUDGET,
  };
}

export interface SharedComputePrediction extends ComputeSharing {
  readonly arrivalRatePerSecond: number;
  readonly seed?: number;
  /** How the service gives cache by tokens; absent: by slots, as in the paper. */
  readonly tokens?: TokenCache;
}

export interface TokenCache {
  /** Cache of one token in one block, bytes > 0. */
  readonly cacheBytesPerToken: number;
  /** Cache of each server beside its blocks, bytes. */
  readonly serverCacheBytes: ReadonlyMap<string, number>;
  readonly order: 'shortest' | 'fifo';
  /** See `usefulJobs`. */
  readonly maxComputeLoad: number;
}

/** Token steps that one estimate may take: well below a tenth of a second. */
const SHARED_STEPS = 60_000;
const SHARED_JOBS = { min: 500, max: 5_000 };
const SHARED_BUDGET = 60;
/** The one prediction that people read may take longer. */
const PREDICTION_FACTOR = 4;

/** Predictions where sessions share the compute of their servers: simulated, after a quick look by an approximation. */
export function createSharedComputePredictor(prediction: SharedComputePrediction): ResponsePredictor {
  const { arrivalRatePerSecond, meanTokens, prefillChunkTokens, seed = 1 } = prediction;
  const chunks = Math.ceil(meanTokens.inputTokens / (prefillChunkTokens ?? meanTokens.inputTokens));
  const fitting = Math.floor(SHARED_STEPS / (chunks + meanTokens.outputTokens));
  const jobCount = Math.min(SHARED_JOBS.max, Math.max(SHARED_JOBS.min, fitting));
  const simulate =
    (factor: number): ResponsePredictor['estimate'] =>
    (chains) => {
      const { tokens } = prediction;
      if (tokens === undefined && !(arrivalRatePerSecond < serviceRate(chains))) return undefined;
      const jobs = typicalPoissonJobs({ jobs: factor * jobCount, seed, ratePerSecond: arrivalRatePerSecond });
      if (tokens !== undefined) return meanTokenResponse(prediction, tokens, chains, jobs);
      return meanResponse(simulateSharedCompute({ ...prediction, chains, jobs }));
    };
  const compute = createComputeModel(prediction, arrivalRatePerSecond);
  return {
    screen: (chains) => {
      const { responseSeconds, isTrusted } = compute.outlook(chains);
      return { seconds: responseSeconds, isTrusted };
    },
    compute,
    estimate: simulate(1),
    predict: simulate(PREDICTION_FACTOR),
    // A prompt sent in pieces overlaps with itself: it can be faster than the sum of its hops.
    respectsServiceTime: false,
    budget: SHARED_BUDGET,
  };
}

/** A service that still has more than this share of all requests waiting when the last one comes does not keep up. */
const MAX_WAITING_SHARE = 0.05;

function meanTokenResponse(
  prediction: SharedComputePrediction,
  { cacheBytesPerToken, serverCacheBytes, order, maxComputeLoad }: TokenCache,
  chains: readonly Chain[],
  jobs: SimulatedJobs,
): number | undefined {
  const { meanTokens, speeds } = prediction;
  const records = simulateSharedCompute({
    ...prediction,
    chains,
    jobs,
    scheduling: { cache: 'tokens', cacheBytesPerToken, order },
    serverCacheBytes,
    jobLimits: chains.map((chain) => usefulJobs(chain, (id) => speeds.get(id), meanTokens, maxComputeLoad)),
    describeJob: (job) => {
      const size = jobs.sizes[job] ?? 1;
      return { size, tokens: Math.max(2, Math.round(size * (meanTokens.inputTokens + meanTokens.outputTokens))) };
    },
  });
  const last = jobs.arrivalSeconds.at(-1) ?? 0;
  const waiting = records.startSeconds.reduce((count, start) => count + (start > last ? 1 : 0), 0);
  return waiting > MAX_WAITING_SHARE * jobs.count ? undefined : meanResponse(records);
}

function typicalPoissonJobs(workload: RandomWorkload): SimulatedJobs {
  return typicalJobs(poissonJobs(workload), workload.ratePerSecond, WARM_UP_SHARE);
}

/** A simulation strays; the bounds do not. */
function within({ lower, upper }: ResponseBounds, seconds: number): number {
  return Math.min(upper, Math.max(lower, seconds));
}

function meanResponse(records: JobRecords): number {
  return summarize(records, WARM_UP_SHARE).response.mean;
}
