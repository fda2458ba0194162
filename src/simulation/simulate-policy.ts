import type { Chain } from '../domain/model/chain.ts';
import { invariant } from '../domain/shared/invariant.ts';
import type { Rng } from '../domain/shared/rng.ts';
import { hopsByChain, type JobRecords } from './job-records.ts';
import type { SimulatedJobs } from './workloads.ts';

/** Policies that send each job to a chain at once, where it queues: what JFFC's central queue is compared with. */
export const QUEUE_POLICIES = ['jsq', 'sa-jsq', 'sed', 'jiq'] as const;
export type QueuePolicy = (typeof QUEUE_POLICIES)[number];

export interface PolicySimulation {
  /** Ascending by service time. */
  readonly chains: readonly Chain[];
  readonly jobs: SimulatedJobs;
  readonly serviceSeconds?: (job: number, chain: number) => number;
  /** Breaks ties and makes random choices. */
  readonly rng: Rng;
}

/**
 * Runs jobs under a policy with one first-in-first-out queue per chain and independent service. With z
 * jobs at a chain of c slots and mean service time T, x = max(0, z - c + 1) / c:
 * - `jsq` smallest x, ties at random; `sa-jsq` smallest x, ties to the fastest chain;
 * - `sed` smallest T (1 + x), ties to the fastest; `jiq` a random chain with a free slot, else any at random.
 * O(jobs * (chains + slots))
 */
export function simulatePolicy(policy: QueuePolicy, simulation: PolicySimulation): JobRecords {
  const { chains, jobs, rng } = simulation;
  invariant(chains.length > 0, 'there is a chain to run on');
  const serviceSeconds =
    simulation.serviceSeconds ??
    ((job: number, chain: number) => (jobs.sizes[job] ?? 1) * (chains[chain]?.serviceSeconds ?? 0));
  /** When each slot of a chain has done all its jobs; ends of jobs at the chain, to count them. */
  const slotFree = chains.map((chain) => new Float64Array(chain.slots));
  const ends: number[][] = chains.map(() => []);
  const startSeconds = new Float64Array(jobs.count);
  const endSeconds = new Float64Array(jobs.count);
  const chainOf = new Int32Array(jobs.count);
  for (let job = 0; job < jobs.count; job += 1) {
    const now = jobs.arrivalSeconds[job] ?? 0;
    const waiting = chains.map((chain, k) => {
      const atChain = (ends[k] ?? []).filter((end) => end > now);
      ends[k] = atChain;
      return Math.max(0, atChain.length - chain.slots + 1) / chain.slots;
    });
    const chain = pickChain(policy, chains, waiting, rng);
    const slots = slotFree[chain] ?? new Float64Array(1);
    const slot = slots.indexOf(slots.reduce((least, free) => Math.min(least, free), Number.POSITIVE_INFINITY));
    const start = Math.max(now, slots[slot] ?? 0);
    const end = start + serviceSeconds(job, chain);
    slots[slot] = end;
    chainOf[job] = chain;
    ends[chain]?.push(end);
    startSeconds[job] = start;
    endSeconds[job] = end;
  }
  return { arrivalSeconds: jobs.arrivalSeconds, startSeconds, endSeconds, hopsOf: hopsByChain(chains, chainOf) };
}

function pickChain(policy: QueuePolicy, chains: readonly Chain[], waiting: readonly number[], rng: Rng): number {
  const anyOf = (candidates: readonly number[]): number => candidates[Math.floor(rng.next() * candidates.length)] ?? 0;
  const positions = [...chains.keys()];
  if (policy === 'jiq') {
    const free = positions.filter((k) => waiting[k] === 0);
    return anyOf(free.length > 0 ? free : positions);
  }
  const cost = (k: number): number =>
    policy === 'sed' ? (chains[k]?.serviceSeconds ?? 0) * (1 + (waiting[k] ?? 0)) : (waiting[k] ?? 0);
  const least = positions.reduce((smallest, k) => Math.min(smallest, cost(k)), Number.POSITIVE_INFINITY);
  const best = positions.filter((k) => cost(k) === least);
  return policy === 'jsq' ? anyOf(best) : (best[0] ?? 0);
}
