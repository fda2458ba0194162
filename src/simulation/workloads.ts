import { createRng } from '../domain/shared/rng.ts';

/** Jobs in the order of their arrival, one array per attribute. */
export interface SimulatedJobs {
  readonly count: number;
  /** Ascending. */
  readonly arrivalSeconds: Float64Array;
  /** Service times are multiplied by this: mean 1. Absent where tokens decide. */
  readonly sizes: Float64Array;
  /** Tokens of each job; undefined where every job has the mean workload. */
  readonly tokens: { readonly input: Float64Array; readonly output: Float64Array } | undefined;
}

export interface RandomWorkload {
  /** Integer >= 1. */
  readonly jobs: number;
  /** Any safe integer: the same seed gives the same jobs. */
  readonly seed: number;
  /** Arrivals per second > 0. */
  readonly ratePerSecond: number;
}

/** Poisson arrivals, sizes exponential with mean 1: the workload of the paper's analysis.   O(jobs) */
export function poissonJobs({ jobs, seed, ratePerSecond }: RandomWorkload): SimulatedJobs {
  const gaps = createRng(seed, 'arrivals');
  const arrivalSeconds = new Float64Array(jobs);
  let now = 0;
  for (let i = 0; i < jobs; i += 1) {
    now += exponential(gaps.next()) / ratePerSecond;
    arrivalSeconds[i] = now;
  }
  return { count: jobs, arrivalSeconds, sizes: exponentialSizes(jobs, seed), tokens: undefined };
}

/**
 * The same jobs with their mean size made 1 over all but the first ones, and their mean rate the one
 * wanted: what a sample strays in these two moves the mean response of every plan, and says nothing of any.
 * @param warmUpShare share of the jobs, at the beginning, that will not be counted   O(jobs)
 */
export function typicalJobs(jobs: SimulatedJobs, ratePerSecond: number, warmUpShare: number): SimulatedJobs {
  const counted = jobs.sizes.subarray(Math.floor(warmUpShare * jobs.count));
  const meanSize = counted.reduce((sum, size) => sum + size, 0) / counted.length;
  const stretch = jobs.count / ratePerSecond / (jobs.arrivalSeconds.at(-1) ?? 1);
  return {
    ...jobs,
    arrivalSeconds: jobs.arrivalSeconds.map((seconds) => seconds * stretch),
    sizes: jobs.sizes.map((size) => size / meanSize),
  };
}

export interface BurstyWorkload extends RandomWorkload {
  /** Rate during a burst over the mean rate, > 1. */
  readonly burstFactor: number;
  /** Share of the time that is burst, in (0, 1 / burstFactor). */
  readonly burstShare: number;
  /** Mean length of a burst, seconds > 0. */
  readonly burstSeconds: number;
}

/**
 * Arrivals that switch between a calm and a burst rate at exponential times (a two-state
 * Markov-modulated Poisson process) with the given mean rate.   O(jobs)
 */
export function burstyJobs(workload: BurstyWorkload): SimulatedJobs {
  const { jobs, seed, ratePerSecond, burstFactor, burstShare, burstSeconds } = workload;
  const gaps = createRng(seed, 'arrivals');
  const switches = createRng(seed, 'bursts');
  const rates = [(ratePerSecond * (1 - burstShare * burstFactor)) / (1 - burstShare), ratePerSecond * burstFactor];
  const meanStay = [(burstSeconds * (1 - burstShare)) / burstShare, burstSeconds];
  const arrivalSeconds = new Float64Array(jobs);
  let state = 0;
  let now = 0;
  let switchAt = exponential(switches.next()) * (meanStay[0] ?? 0);
  for (let i = 0; i < jobs; ) {
    const next = now + exponential(gaps.next()) / (rates[state] ?? 0);
    if (next <= switchAt) {
      now = next;
      arrivalSeconds[i] = now;
      i += 1;
    } else {
      // Arrivals have no memory: the gap starts anew with the other rate.
      now = switchAt;
      state = 1 - state;
      switchAt = now + exponential(switches.next()) * (meanStay[state] ?? 0);
    }
  }
  return { count: jobs, arrivalSeconds, sizes: exponentialSizes(jobs, seed), tokens: undefined };
}

export interface TraceRequest {
  readonly arrivalSeconds: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * Jobs of a recorded trace, the first one at time 0.
 * @param timeScale > 0: gaps are multiplied by it, 2 halves the rate   O(requests)
 */
export function traceJobs(requests: readonly TraceRequest[], timeScale: number): SimulatedJobs {
  const first = requests[0]?.arrivalSeconds ?? 0;
  return {
    count: requests.length,
    arrivalSeconds: Float64Array.from(requests, (request) => (request.arrivalSeconds - first) * timeScale),
    sizes: new Float64Array(requests.length).fill(1),
    tokens: {
      input: Float64Array.from(requests, (request) => request.inputTokens),
      output: Float64Array.from(requests, (request) => request.outputTokens),
    },
  };
}

/** A stream of its own: other arrivals at the same seed keep the same sizes. */
function exponentialSizes(jobs: number, seed: number): Float64Array {
  const rng = createRng(seed, 'sizes');
  return Float64Array.from({ length: jobs }, () => exponential(rng.next()));
}

/** @param uniform in [0, 1)   @returns exponential with mean 1 */
function exponential(uniform: number): number {
  return -Math.log(1 - uniform);
}
