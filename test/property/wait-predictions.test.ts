import { expect, test } from 'vitest';
import type { Chain } from '../../src/domain/model/chain.ts';
import type { Job } from '../../src/domain/model/job.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import { WaitBias } from '../../src/domain/scheduling/wait-bias.ts';
import { createRng, type Rng } from '../../src/domain/shared/rng.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_124);
const PACE_RANGE = { min: 0.001, max: 1000 };

interface Running {
  readonly job: Job;
  readonly serviceSeconds: number;
  readonly startedMs: number;
}

/** What a first-come-first-served scheduler predicts, from lists that are walked anew each time. */
class NaivePredictions {
  readonly running = new Map<string, Running>();
  readonly waiting = new Map<string, Job>();
  readonly bias = new WaitBias();
  #pace = 1;
  #means = { took: 0, planned: 0 };
  #ends = 0;

  ended({ job, serviceSeconds, startedMs }: Running, nowMs: number): void {
    const planned = serviceSeconds * (job.size ?? 1);
    if (this.#ends === 0) this.#means = { took: 0.1 * serviceSeconds, planned: 0.1 * serviceSeconds };
    this.#ends += 1;
    const weight = Math.max(0.1, 1 / (this.#ends + 1));
    const mix = (mean: number, newest: number): number => (1 - weight) * mean + weight * newest;
    const { took, planned: plannedMean } = this.#means;
    this.#means = { took: mix(took, (nowMs - startedMs) / 1000), planned: mix(plannedMean, planned) };
    this.#pace = Math.min(PACE_RANGE.max, Math.max(PACE_RANGE.min, this.#means.took / this.#means.planned));
  }

  waitMs(nowMs: number): number {
    const remaining = [...this.running.values()].map(({ job, serviceSeconds, startedMs }) => {
      const expected = this.#pace * serviceSeconds * (job.size ?? 1);
      return Math.max(expected - (nowMs - startedMs) / 1000, 0.1 * expected);
    });
    const running = remaining.length;
    const count = this.waiting.size;
    const work = [...this.waiting.values()].reduce((sum, job) => sum + (job.size ?? 1), 0);
    const chainSeconds = [...this.running.values()].reduce((sum, { serviceSeconds }) => sum + serviceSeconds, 0);
    const aheadSeconds = (work * this.#pace * chainSeconds) / running;
    if (count > 2 * running) {
      const sum = remaining.reduce((total, seconds) => total + seconds, 0);
      return (1000 * (sum / running + aheadSeconds)) / running;
    }
    for (let started = 0; started < count; started += 1) {
      remaining.sort((a, b) => a - b);
      remaining.push((remaining.shift() as number) + aheadSeconds / count);
    }
    return 1000 * Math.min(...remaining);
  }
}

/** A scheduler beside the naive predictions: what is told to one is told to the other. */
class PredictedLoad {
  readonly naive = new NaivePredictions();
  readonly seen = { short: 0, long: 0, displaced: 0 };
  /** Real predictions over naive ones, of the jobs that waited. */
  readonly ratios: number[] = [];
  readonly #scheduler = new Scheduler({ queueLimit: 100_000, predictsWaits: true });
  readonly #rng: Rng;
  readonly #slots: number;
  readonly #speeds = [2, 3, 5, 8];
  readonly #expected = new Map<string, number>();
  readonly #chainOf = new Map<string, string>();
  #nowMs = 0;
  #epoch = 0;
  #jobs = 0;

  /** @param slots of each of four chains */
  constructor(rng: Rng, slots: number) {
    this.#rng = rng;
    this.#slots = slots;
    this.adopt();
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** All chains are reckoned with other times, and so is what runs on them. */
  adopt(): void {
    this.#epoch += 1;
    const chains = this.#speeds.map((before, k) => {
      const serviceSeconds = before * (0.8 + 0.4 * this.#rng.next());
      this.#speeds[k] = serviceSeconds;
      const hops = [{ serverId: `s${k}`, firstBlock: 0, blockCount: 1 }];
      return { id: `c${k}`, hops, slots: this.#slots, serviceSeconds };
    });
    for (const [id, running] of this.naive.running) {
      const chain = chains.find((each) => each.id === this.#chainOf.get(id)) as Chain;
      this.naive.running.set(id, { ...running, serviceSeconds: chain.serviceSeconds });
    }
    chains.sort((a, b) => a.serviceSeconds - b.serviceSeconds);
    this.#note(this.#scheduler.adoptPlan({ epoch: this.#epoch, chains, serverSlots: new Map() }, this.#nowMs));
  }

  arrive(): void {
    const job: Job = { id: `j${this.#jobs++}`, deadlineMs: undefined, size: 0.2 + 2 * this.#rng.next() ** 3 };
    const { running, waiting } = this.naive;
    if (running.size === 4 * this.#slots) {
      this.#expected.set(job.id, this.naive.waitMs(this.#nowMs) * this.naive.bias.factorOf(job.size ?? 1));
      this.seen[waiting.size > 2 * running.size ? 'long' : 'short'] += 1;
    }
    waiting.set(job.id, job);
    this.#note(this.#scheduler.arrive(job, this.#nowMs));
  }

  end(): void {
    const id = this.#anyRunning();
    this.naive.ended(this.naive.running.get(id) as Running, this.#nowMs);
    this.naive.running.delete(id);
    this.#note(this.#scheduler.complete(id, 'completed', this.#nowMs));
  }

  /** It loses its chain, and waits for another ahead of all. */
  displace(): void {
    const id = this.#anyRunning();
    const { job } = this.naive.running.get(id) as Running;
    this.naive.running.delete(id);
    this.naive.waiting.set(id, job);
    this.seen.displaced += 1;
    this.#note(this.#scheduler.displace(id, Number.POSITIVE_INFINITY, this.#nowMs));
  }

  get isIdle(): boolean {
    return this.naive.running.size === 0;
  }

  #anyRunning(): string {
    const ids = [...this.naive.running.keys()];
    return ids[Math.floor(this.#rng.next() * ids.length)] as string;
  }

  #note(effects: readonly SchedulingEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'assigned') continue;
      const { jobId, chain, predictedMs } = effect;
      const job = this.naive.waiting.get(jobId) as Job;
      this.naive.waiting.delete(jobId);
      this.naive.running.set(jobId, { job, serviceSeconds: chain.serviceSeconds, startedMs: this.#nowMs });
      this.#chainOf.set(jobId, chain.id);
      if (predictedMs !== undefined) this.naive.bias.waited(job.size ?? 1, predictedMs, effect.queuedMs);
      const expectedMs = this.#expected.get(jobId);
      this.#expected.delete(jobId);
      if (predictedMs !== undefined && expectedMs !== undefined) this.ratios.push(predictedMs / expectedMs);
    }
  }
}

test('while 128 jobs run at most, predictions are those of a model that walks all jobs, through changes of load and plan', () => {
  const rng = createRng(SEED, 'predictions');
  const load = new PredictedLoad(rng, 14);
  for (let step = 0; step < 20_000; step += 1) {
    load.pass(100 * rng.next());
    const draw = rng.next();
    if (draw < 0.002) load.adopt();
    else if (load.isIdle || draw < (step % 4_000 < 2_000 ? 0.55 : 0.42)) load.arrive();
    else if (draw > 0.99) load.displace();
    else load.end();
  }
  expect(load.ratios.length).toBeGreaterThan(5_000);
  for (const ratio of load.ratios) expect(Math.abs(ratio - 1), `seed ${SEED}`).toBeLessThan(1e-9);
  for (const [kind, times] of Object.entries(load.seen)) expect(times, kind).toBeGreaterThan(100);
}, 60_000);

test('where more run, a sample of them predicts about what all of them would', () => {
  const rng = createRng(SEED, 'sample');
  const load = new PredictedLoad(rng, 50);
  for (let step = 0; step < 2_000; step += 1) {
    load.pass(30 * rng.next());
    if (load.isIdle || rng.next() < (step < 600 ? 0.8 : 0.5)) load.arrive();
    else load.end();
  }
  expect(load.ratios.length).toBeGreaterThan(500);
  const mean = load.ratios.reduce((sum, ratio) => sum + ratio, 0) / load.ratios.length;
  expect(Math.abs(mean - 1), `seed ${SEED}`).toBeLessThan(0.1);
}, 60_000);
