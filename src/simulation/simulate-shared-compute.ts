import type { Chain } from '../domain/model/chain.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import { oneWaySeconds, stepSeconds } from '../domain/planning/service-times.ts';
import type { SchedulingEffect } from '../domain/scheduling/effects.ts';
import { Scheduler } from '../domain/scheduling/scheduler.ts';
import { invariant } from '../domain/shared/invariant.ts';
import { EventQueue } from './event-queue.ts';
import { hopsByChain, type JobRecords } from './job-records.ts';
import type { IndependentSimulation } from './simulate-independent.ts';
import type { SimulatedJobs } from './workloads.ts';

export interface SharedComputeSimulation {
  /** Ascending by service time. */
  readonly chains: readonly Chain[];
  readonly jobs: SimulatedJobs;
  /** Tokens of a job of size 1, where the jobs bring none of their own. */
  readonly meanTokens: TokenWorkload;
  /** By server id; every server of the chains has some. */
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly hiddenBytesPerToken: number;
  /** A prompt travels in pieces of so many tokens, one behind the other; undefined sends it whole. */
  readonly prefillChunkTokens?: number | undefined;
  /** Jobs that may wait; default: all of them. */
  readonly queueLimit?: number;
  /** How the scheduler gives cache and orders its queue; default: the paper's way. */
  readonly scheduling?: IndependentSimulation['scheduling'];
  readonly serverCacheBytes?: IndependentSimulation['serverCacheBytes'];
  readonly jobLimits?: IndependentSimulation['jobLimits'];
  readonly describeJob?: IndependentSimulation['describeJob'];
}

/** At equal times a slot is freed before a step arrives anywhere. */
const COMPLETION = 0;
const STEP = 1;

/**
 * Runs jobs through the service's own scheduler and their tokens through the chains, step by step, on
 * servers whose compute is shared.
 *
 * A step occupies its server alone for beta of its time and overlaps with others for the rest: n steps
 * that come together take 1 + beta (n - 1) times as long. Steps wait for a server in the order they
 * come; the network between them overlaps with the compute of others. The next piece of a prompt joins
 * the first server's queue when the piece before it leaves, so other sessions' tokens slip in between.
 *
 * O(steps * hops * log(events)); `sharedComputeSteps` tells how many steps there are.
 */
export function simulateSharedCompute(simulation: SharedComputeSimulation): JobRecords {
  const { jobs } = simulation;
  const run = new SharedComputeRun(simulation);
  for (let job = 0; job < jobs.count; job += 1) run.arrive(job, jobs.arrivalSeconds[job] ?? 0);
  return run.finish();
}

/** Steps that all jobs take together at every hop: what a simulation costs. */
export function sharedComputeSteps(simulation: SharedComputeSimulation): number {
  let steps = 0;
  for (let job = 0; job < simulation.jobs.count; job += 1) {
    const { inputTokens, outputTokens } = tokensOf(simulation, job);
    steps += Math.ceil(inputTokens / (simulation.prefillChunkTokens ?? inputTokens)) + outputTokens - 1;
  }
  return steps;
}

/** Tokens of a job: its own, or the mean ones times its size; at least one in and one out. */
function tokensOf(simulation: SharedComputeSimulation, job: number): TokenWorkload {
  const { jobs, meanTokens } = simulation;
  const size = jobs.sizes[job] ?? 1;
  return {
    inputTokens: Math.max(1, Math.round(jobs.tokens?.input[job] ?? size * meanTokens.inputTokens)),
    outputTokens: Math.max(1, Math.round(jobs.tokens?.output[job] ?? size * meanTokens.outputTokens)),
  };
}

interface ChainHop {
  readonly server: number;
  readonly speeds: SharedServerSpeeds;
  readonly blocks: number;
}

class SharedComputeRun {
  readonly #simulation: SharedComputeSimulation;
  readonly #scheduler: Scheduler;
  readonly #events = new EventQueue();
  readonly #hops: readonly (readonly ChainHop[])[];
  readonly #chainPosition: ReadonlyMap<string, number>;
  /** When each server has no exclusive work left. */
  readonly #freeAt: Float64Array;
  /** Payload of a step: (job * maxHops + hop) * (maxChunks + 1) + chunk; the last chunk number is a decode step. */
  readonly #maxHops: number;
  readonly #maxChunks: number;
  readonly #chain: Int32Array;
  readonly #inputTokens: Float64Array;
  readonly #decodeLeft: Float64Array;
  readonly #chunksLeft: Int32Array;
  readonly #startSeconds: Float64Array;
  readonly #predictedWaitSeconds: Float64Array;
  readonly #firstTokenSeconds: Float64Array;
  readonly #endSeconds: Float64Array;

  constructor(simulation: SharedComputeSimulation) {
    const { chains, jobs, speeds } = simulation;
    this.#simulation = simulation;
    const { serverCacheBytes = new Map(), jobLimits = [] } = simulation;
    this.#scheduler = new Scheduler({ queueLimit: simulation.queueLimit ?? jobs.count, ...simulation.scheduling });
    this.#scheduler.adoptPlan({ epoch: 1, chains, serverSlots: new Map(), serverCacheBytes, jobLimits }, 0);
    this.#chainPosition = new Map(chains.map((chain, k) => [chain.id, k]));
    const serverPosition = new Map<string, number>();
    this.#hops = chains.map((chain) =>
      chain.hops.map((hop) => {
        const hopSpeeds = speeds.get(hop.serverId);
        invariant(hopSpeeds !== undefined, `server ${hop.serverId} has speeds`);
        const server = serverPosition.get(hop.serverId) ?? serverPosition.size;
        serverPosition.set(hop.serverId, server);
        return { server, speeds: hopSpeeds, blocks: hop.blockCount };
      }),
    );
    this.#freeAt = new Float64Array(serverPosition.size);
    this.#maxHops = this.#hops.reduce((most, hops) => Math.max(most, hops.length), 1);
    this.#chain = new Int32Array(jobs.count).fill(-1);
    this.#inputTokens = new Float64Array(jobs.count);
    this.#decodeLeft = new Float64Array(jobs.count);
    this.#chunksLeft = new Int32Array(jobs.count);
    let maxChunks = 1;
    for (let job = 0; job < jobs.count; job += 1) {
      const { inputTokens, outputTokens } = tokensOf(simulation, job);
      this.#inputTokens[job] = inputTokens;
      this.#decodeLeft[job] = outputTokens - 1;
      this.#chunksLeft[job] = Math.ceil(inputTokens / (simulation.prefillChunkTokens ?? inputTokens));
      maxChunks = Math.max(maxChunks, this.#chunksLeft[job] ?? 0);
    }
    this.#maxChunks = maxChunks;
    this.#startSeconds = new Float64Array(jobs.count).fill(Number.NaN);
    this.#predictedWaitSeconds = new Float64Array(jobs.count).fill(Number.NaN);
    this.#firstTokenSeconds = new Float64Array(jobs.count).fill(Number.NaN);
    this.#endSeconds = new Float64Array(jobs.count).fill(Number.NaN);
  }

  arrive(job: number, now: number): void {
    this.#advance(now);
    this.#start(
      this.#scheduler.arrive(
        { id: String(job), deadlineMs: undefined, ...this.#simulation.describeJob?.(job) },
        1000 * now,
      ),
      now,
    );
  }

  finish(): JobRecords {
    this.#advance(Number.POSITIVE_INFINITY);
    return {
      arrivalSeconds: this.#simulation.jobs.arrivalSeconds,
      startSeconds: this.#startSeconds,
      predictedWaitSeconds: this.#predictedWaitSeconds,
      endSeconds: this.#endSeconds,
      firstTokenSeconds: this.#firstTokenSeconds,
      hopsOf: hopsByChain(this.#simulation.chains, this.#chain),
    };
  }

  #advance(limit: number): void {
    while (this.#events.size > 0 && this.#events.peekTime() <= limit) {
      const payload = this.#events.pop() ?? 0;
      const now = this.#events.time;
      if (this.#events.priority === STEP) this.#step(payload, now);
      else this.#start(this.#scheduler.complete(String(payload), 'completed', 1000 * now), now);
    }
  }

  #start(effects: readonly SchedulingEffect[], now: number): void {
    for (const effect of effects) {
      if (effect.kind !== 'assigned') continue;
      const job = Number(effect.jobId);
      this.#chain[job] = this.#chainPosition.get(effect.chain.id) ?? 0;
      this.#startSeconds[job] = now;
      if (effect.predictedMs !== undefined) this.#predictedWaitSeconds[job] = effect.predictedMs / 1000;
      this.#send(job, 0, 0, now);
    }
  }

  /** A step (chunk of the prompt, or `#maxChunks`: one generated token) leaves the dispatcher for a hop. */
  #send(job: number, hop: number, chunk: number, now: number): void {
    this.#arriveAtHop(job, hop, chunk, now + this.#travelSeconds(job, hop, chunk));
  }

  #arriveAtHop(job: number, hop: number, chunk: number, at: number): void {
    this.#events.push(at, STEP, (job * this.#maxHops + hop) * (this.#maxChunks + 1) + chunk);
  }

  #step(payload: number, now: number): void {
    const chunk = payload % (this.#maxChunks + 1);
    const rest = Math.floor(payload / (this.#maxChunks + 1));
    const hop = rest % this.#maxHops;
    const job = Math.floor(rest / this.#maxHops);
    const hops = this.#hops[this.#chain[job] ?? 0] ?? [];
    const { server, speeds, blocks } = hops[hop] as ChainHop;
    const isPrompt = chunk < this.#maxChunks;
    const seconds = stepSeconds(speeds, blocks, this.#tokensOfStep(job, chunk), isPrompt);
    const begin = Math.max(now, this.#freeAt[server] ?? 0);
    this.#freeAt[server] = begin + speeds.concurrencySlope * seconds;
    const done = begin + seconds;
    if (isPrompt && hop === 0 && this.#hasChunk(job, chunk + 1)) this.#arriveAtHop(job, 0, chunk + 1, done);
    const back = done + this.#travelSeconds(job, hop, chunk);
    if (hop + 1 < hops.length) this.#send(job, hop + 1, chunk, back);
    else this.#leaveChain(job, isPrompt, back);
  }

  #leaveChain(job: number, isPrompt: boolean, now: number): void {
    if (isPrompt) {
      const left = (this.#chunksLeft[job] ?? 0) - 1;
      this.#chunksLeft[job] = left;
      if (left > 0) return;
      this.#firstTokenSeconds[job] = now;
    } else {
      this.#decodeLeft[job] = (this.#decodeLeft[job] ?? 0) - 1;
    }
    if ((this.#decodeLeft[job] ?? 0) > 0) {
      this.#send(job, 0, this.#maxChunks, now);
      return;
    }
    this.#endSeconds[job] = now;
    this.#events.push(now, COMPLETION, job);
  }

  #travelSeconds(job: number, hop: number, chunk: number): number {
    const { speeds } = (this.#hops[this.#chain[job] ?? 0] ?? [])[hop] as ChainHop;
    return oneWaySeconds(speeds, this.#tokensOfStep(job, chunk), this.#simulation.hiddenBytesPerToken);
  }

  #tokensOfStep(job: number, chunk: number): number {
    if (chunk === this.#maxChunks) return 1;
    const input = this.#inputTokens[job] ?? 1;
    const perChunk = this.#simulation.prefillChunkTokens ?? input;
    return Math.min(perChunk, input - chunk * perChunk);
  }

  #hasChunk(job: number, chunk: number): boolean {
    const input = this.#inputTokens[job] ?? 1;
    return chunk * (this.#simulation.prefillChunkTokens ?? input) < input;
  }
}
