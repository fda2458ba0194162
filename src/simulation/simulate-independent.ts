import type { Chain } from '../domain/model/chain.ts';
import type { Job } from '../domain/model/job.ts';
import type { SchedulingEffect } from '../domain/scheduling/effects.ts';
import { Scheduler } from '../domain/scheduling/scheduler.ts';
import type { SchedulerOptions } from '../domain/scheduling/scheduler-options.ts';
import { invariant } from '../domain/shared/invariant.ts';
import { EventQueue } from './event-queue.ts';
import { hopsByChain, type JobRecords } from './job-records.ts';
import type { SimulatedJobs } from './workloads.ts';

export interface IndependentSimulation {
  /** Ascending by service time, as plans list them. */
  readonly chains: readonly Chain[];
  readonly jobs: SimulatedJobs;
  /** Seconds that job i takes on chain k; default: its size times the chain's mean service time. */
  readonly serviceSeconds?: (job: number, chain: number) => number;
  /** Jobs that may wait; default: all of them. */
  readonly queueLimit?: number;
  /** How the scheduler gives cache and orders its queue; default: the paper's way. */
  readonly scheduling?: Omit<SchedulerOptions, 'queueLimit'>;
  /** Cache of each server beside its blocks, bytes, for `cache: tokens`. */
  readonly serverCacheBytes?: ReadonlyMap<string, number>;
  /** Jobs at once on each chain, for `cache: tokens`. */
  readonly jobLimits?: readonly number[];
  /** What the scheduler is told of job i; default: nothing. */
  readonly describeJob?: (job: number) => Pick<Job, 'tokens' | 'size'>;
}

/** At equal times a slot is freed before the next job asks for one. */
const COMPLETION = 0;

const NOTHING_KNOWN = {};

/**
 * Runs jobs through the service's own scheduler, event by event, under the paper's service model: a
 * job takes the same time on a chain however many run beside it. O(jobs log slots).
 */
export function simulateIndependent(simulation: IndependentSimulation): JobRecords {
  const { chains, jobs } = simulation;
  const { arrivalSeconds, sizes } = jobs;
  const meanSeconds = Float64Array.from(chains, (chain) => chain.serviceSeconds);
  const serviceSeconds =
    simulation.serviceSeconds ?? ((job: number, chain: number) => (sizes[job] ?? 1) * (meanSeconds[chain] ?? 0));
  const positions = new Map(chains.map((chain, k) => [chain.id, k]));
  const scheduler = new Scheduler({ queueLimit: simulation.queueLimit ?? jobs.count, ...simulation.scheduling });
  const { serverCacheBytes = new Map(), jobLimits = [], describeJob = () => NOTHING_KNOWN } = simulation;
  scheduler.adoptPlan({ epoch: 1, chains, serverSlots: new Map(), serverCacheBytes, jobLimits }, 0);
  const startSeconds = new Float64Array(jobs.count).fill(Number.NaN);
  const endSeconds = new Float64Array(jobs.count).fill(Number.NaN);
  const chainOf = new Int32Array(jobs.count).fill(-1);
  const events = new EventQueue();

  const apply = (effects: readonly SchedulingEffect[], now: number): void => {
    for (const effect of effects) {
      if (effect.kind !== 'assigned') continue;
      const job = Number(effect.jobId);
      const chain = positions.get(effect.chain.id);
      invariant(chain !== undefined, 'jobs run on the chains of the plan');
      const end = now + serviceSeconds(job, chain);
      chainOf[job] = chain;
      startSeconds[job] = now;
      endSeconds[job] = end;
      events.push(end, COMPLETION, job);
    }
  };
  const completeUntil = (limit: number): void => {
    while (events.size > 0 && events.peekTime() <= limit) {
      const job = events.pop() ?? 0;
      apply(scheduler.complete(String(job), 'completed', 1000 * events.time), events.time);
    }
  };

  for (let job = 0; job < jobs.count; job += 1) {
    const now = arrivalSeconds[job] ?? 0;
    completeUntil(now);
    apply(scheduler.arrive({ id: String(job), deadlineMs: undefined, ...describeJob(job) }, 1000 * now), now);
  }
  completeUntil(Number.POSITIVE_INFINITY);
  return { arrivalSeconds, startSeconds, endSeconds, hopsOf: hopsByChain(chains, chainOf) };
}
