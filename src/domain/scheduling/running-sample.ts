import type { Job } from '../model/job.ts';
import { invariant } from '../shared/invariant.ts';
import type { ChainState } from './cache-table.ts';

/** A running job, as far as its end is concerned. */
export interface RunningSince {
  readonly job: Job;
  readonly state: ChainState;
  readonly startedMs: number;
  /** What the sample knows of it, which alone writes this. */
  readonly sampled: SampledJob;
}

interface SampledJob {
  /** Whole, drawn when it starts: those of the smallest ranks are in the sample. */
  rank: number;
  /** -1: it is not in the sample. */
  place: number;
  /** Service time of the typical job on its chain, as it is reckoned with. */
  chainSeconds: number;
}

export function notSampled(): SampledJob {
  return { rank: 0, place: -1, chainSeconds: 0 };
}

/** Running jobs that are looked at for a prediction, at most. */
export const SAMPLE_SIZE = 128;
/** Fewer are too few while more run. */
const ENOUGH = SAMPLE_SIZE / 4;
/** Above all ranks. */
const ALL_RANKS = 2 ** 32;
/** Multiples of it, modulo 2^32, lie evenly and in no order. */
const RANK_STEP = 0x9e3779b1;
/** A job that overran its expected time is expected to take this share of it more. */
const OVERRUN_SHARE = 0.1;

/**
 * Some of the running jobs, and when they are expected to end: all while no more than 128 run; of more, those
 * whose rank is below a bound, which is halved when the sample is full and doubled when few are left. So
 * neither how long a job runs nor where decides whether it is in the sample, and one that is stays to its end.
 * Figures lie in typed arrays, whose order by remaining time is kept from look to look: it changes little.
 *
 * A start is O(1), an end one pass over the sample's order, a look one pass over its figures. Filling the
 * sample again walks all jobs, when half of those that ran have ended since: O(1) for each of these.
 */
export class RunningSample {
  readonly #jobs: RunningSince[] = [];
  readonly #startedSeconds = new Float64Array(SAMPLE_SIZE);
  readonly #plannedSeconds = new Float64Array(SAMPLE_SIZE);
  readonly #remaining = new Float64Array(SAMPLE_SIZE);
  /** Places, as they were ascending by remaining time when that was last asked for. */
  readonly #order = new Uint8Array(SAMPLE_SIZE);
  #started = 0;
  #rankBound = ALL_RANKS;
  /** Of all running jobs. */
  #chainSeconds = 0;
  #running = 0;
  /** What the latest `look` found, seconds. */
  remainingSum = 0;
  leastRemaining = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#jobs.length;
  }

  /** Jobs that run, in the sample or not. */
  get running(): number {
    return this.#running;
  }

  /** Mean service time of the typical job on the chains of those that run. */
  get meanChainSeconds(): number {
    return this.#running === 0 ? 0 : this.#chainSeconds / this.#running;
  }

  start(running: RunningSince): void {
    const { sampled, state } = running;
    invariant(sampled.place < 0, 'a running job has one place in the sample at most');
    this.#started += 1;
    sampled.rank = Math.imul(this.#started, RANK_STEP) >>> 0;
    sampled.chainSeconds = state.chain.serviceSeconds;
    this.#running += 1;
    this.#chainSeconds += sampled.chainSeconds;
    while (sampled.rank < this.#rankBound && this.#jobs.length === SAMPLE_SIZE) this.#halve();
    if (sampled.rank < this.#rankBound) this.#add(running);
  }

  /** It runs no more. */
  end(running: RunningSince): void {
    const { sampled } = running;
    this.#running -= 1;
    this.#chainSeconds = this.#running === 0 ? 0 : this.#chainSeconds - sampled.chainSeconds;
    if (sampled.place >= 0) this.#remove(running);
  }

  /** Its chain is another now. */
  move(running: RunningSince): void {
    const before = running.sampled.chainSeconds;
    this.#reckon(running);
    this.#chainSeconds += running.sampled.chainSeconds - before;
  }

  /** Chains may be reckoned with other service times. @param all jobs that run */
  reckonAll(all: Iterable<RunningSince>): void {
    this.#chainSeconds = 0;
    for (const running of all) {
      this.#reckon(running);
      this.#chainSeconds += running.sampled.chainSeconds;
    }
  }

  /** Whether few are in the sample beside those that run. */
  get isDepleted(): boolean {
    return this.#jobs.length < ENOUGH && this.#jobs.length < this.#running;
  }

  /** Twice the ranks that were in the sample. @param all jobs that run   @returns whether more might be had */
  refill(all: Iterable<RunningSince>): boolean {
    this.#rankBound *= 2;
    for (const running of all) {
      if (running.sampled.place >= 0 || running.sampled.rank >= this.#rankBound) continue;
      if (this.#jobs.length === SAMPLE_SIZE) return false;
      this.#add(running);
    }
    return this.#rankBound < ALL_RANKS;
  }

  #halve(): void {
    this.#rankBound /= 2;
    for (const running of [...this.#jobs]) if (running.sampled.rank >= this.#rankBound) this.#remove(running);
  }

  #add(running: RunningSince): void {
    const place = this.#jobs.length;
    running.sampled.place = place;
    this.#jobs.push(running);
    this.#startedSeconds[place] = running.startedMs / 1000;
    this.#order[place] = place;
    this.#reckon(running);
  }

  #reckon({ sampled, state, job }: RunningSince): void {
    sampled.chainSeconds = state.chain.serviceSeconds;
    if (sampled.place >= 0) this.#plannedSeconds[sampled.place] = sampled.chainSeconds * (job.size ?? 1);
  }

  #remove(running: RunningSince): void {
    const { place } = running.sampled;
    running.sampled.place = -1;
    const last = this.#jobs.pop() as RunningSince;
    const lastPlace = this.#jobs.length;
    const at = this.#order.indexOf(place);
    this.#order.copyWithin(at, at + 1, lastPlace + 1);
    if (last === running) return;
    this.#jobs[place] = last;
    last.sampled.place = place;
    this.#startedSeconds[place] = this.#startedSeconds[lastPlace] as number;
    this.#plannedSeconds[place] = this.#plannedSeconds[lastPlace] as number;
    this.#order[this.#order.indexOf(lastPlace)] = place;
  }

  /**
   * How far the jobs are now, by their planned times and how jobs compared with these of late.
   * @param pace real over planned time, > 0
   */
  look(pace: number, nowMs: number): void {
    const nowSeconds = nowMs / 1000;
    let sum = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let place = 0; place < this.#jobs.length; place += 1) {
      const expected = pace * (this.#plannedSeconds[place] as number);
      const left = Math.max(
        expected - (nowSeconds - (this.#startedSeconds[place] as number)),
        OVERRUN_SHARE * expected,
      );
      this.#remaining[place] = left;
      sum += left;
      if (left < least) least = left;
    }
    this.remainingSum = sum;
    this.leastRemaining = least;
  }

  /** Remaining seconds as the latest `look` found them, ascending. @param into at least as long as the sample */
  sortRemaining(into: Float64Array): void {
    const order = this.#order;
    const remaining = this.#remaining;
    for (let i = 0; i < this.#jobs.length; i += 1) {
      const place = order[i] as number;
      const value = remaining[place] as number;
      let at = i;
      while (at > 0 && (into[at - 1] as number) > value) {
        into[at] = into[at - 1] as number;
        order[at] = order[at - 1] as number;
        at -= 1;
      }
      into[at] = value;
      order[at] = place;
    }
  }
}
