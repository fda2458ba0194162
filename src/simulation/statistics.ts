import type { JobRecords } from './job-records.ts';

export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What a simulation says about response times, seconds. */
export interface SimulationSummary {
  readonly response: Distribution & {
    /** Half width of the 95 % confidence interval of the mean. */
    readonly halfWidth: number;
  };
  readonly waiting: Distribution;
  readonly service: { readonly mean: number };
  /** From the arrival, where the simulation runs token by token. */
  readonly firstToken: Distribution | undefined;
  /** Longest response over the service time of the same job: how unfair the wait was to the worst off. */
  readonly worstStretch: number;
  /** Completed jobs over the time from the first counted arrival to the last counted end, 1/s. */
  readonly throughputPerSecond: number;
  /** Completed jobs counted. */
  readonly jobs: number;
}

const BATCHES = 20;
/** 97.5 % quantile of Student's t with BATCHES - 1 degrees of freedom. */
const STUDENT_T = 2.093;

/**
 * Sums up a run without its first jobs, which meet an emptier system than the later ones.
 *
 * The confidence interval comes from the means of 20 batches of consecutive jobs: neighbours share
 * queues, so single jobs are far from independent, while long batches nearly are.
 * @param warmUpShare in [0, 1): share of the jobs left out   O(n log n)
 */
export function summarize(records: JobRecords, warmUpShare: number): SimulationSummary {
  const { arrivalSeconds, startSeconds, endSeconds, firstTokenSeconds } = records;
  const first = Math.floor(warmUpShare * arrivalSeconds.length);
  const counted: number[] = [];
  for (let job = first; job < arrivalSeconds.length; job += 1) {
    if (!Number.isNaN(endSeconds[job] ?? Number.NaN)) counted.push(job);
  }
  const response = Float64Array.from(counted, (job) => (endSeconds[job] ?? 0) - (arrivalSeconds[job] ?? 0));
  const waiting = Float64Array.from(counted, (job) => (startSeconds[job] ?? 0) - (arrivalSeconds[job] ?? 0));
  const responseMean = mean(response);
  const span = counted.reduce((last, job) => Math.max(last, endSeconds[job] ?? 0), 0) - (arrivalSeconds[first] ?? 0);
  return {
    response: { ...distribution(response), halfWidth: halfWidthOfMean(response, responseMean) },
    waiting: distribution(waiting),
    service: { mean: responseMean - mean(waiting) },
    firstToken:
      firstTokenSeconds &&
      distribution(Float64Array.from(counted, (job) => (firstTokenSeconds[job] ?? 0) - (arrivalSeconds[job] ?? 0))),
    worstStretch: counted.reduce((worst, job) => Math.max(worst, stretch(records, job)), 1),
    throughputPerSecond: span > 0 ? counted.length / span : 0,
    jobs: counted.length,
  };
}

/** Response over service time; 1 for a job that needed no time. */
function stretch({ arrivalSeconds, startSeconds, endSeconds }: JobRecords, job: number): number {
  const end = endSeconds[job] ?? 0;
  const service = end - (startSeconds[job] ?? 0);
  return service > 0 ? (end - (arrivalSeconds[job] ?? 0)) / service : 1;
}

function distribution(values: Float64Array): Distribution {
  const sorted = values.toSorted();
  const quantile = (share: number): number => {
    if (sorted.length === 0) return Number.NaN;
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  };
  return { mean: mean(values), p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}

function halfWidthOfMean(values: Float64Array, overall: number): number {
  const perBatch = Math.floor(values.length / BATCHES);
  if (perBatch < 1) return Number.POSITIVE_INFINITY;
  let sumOfSquares = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const difference = mean(values.subarray(batch * perBatch, (batch + 1) * perBatch)) - overall;
    sumOfSquares += difference * difference;
  }
  return STUDENT_T * Math.sqrt(sumOfSquares / (BATCHES - 1) / BATCHES);
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? Number.NaN : sum / values.length;
}
