import { invariant } from '../shared/invariant.ts';

/** What is known of the load when a job comes. */
export interface LoadAhead {
  /** Jobs that run and whose ends are expected: all, or a sample; their number, and remaining seconds together. */
  readonly sampled: number;
  readonly remainingSum: number;
  readonly leastRemaining: number;
  /** Jobs that run, >= sampled. */
  readonly runningCount: number;
  /** Jobs that start before the one asked about, >= 0; need not be whole. */
  readonly aheadCount: number;
  /** Expected service seconds of all of these together, >= 0. */
  readonly aheadSeconds: number;
}

/** Waiting jobs per running one up to which single ends matter; beyond, the mean rate tells as much. */
const SIMULATED_PER_RUNNING = 2;

/**
 * Expected seconds until a job starts that waits behind a load: every end lets the next one start, so as
 * many run at once as run now. Short queues are played through end by end; for long ones the work ahead is
 * divided by the number of jobs that share it. Undefined when nothing runs: then it is not load that the job
 * waits for, and nothing can be said. O(sample), without allocation.
 */
export class WaitPrediction {
  readonly #ends: Float64Array;
  readonly #later: Float64Array;

  /** @param sampleSize running jobs that are sampled at most */
  constructor(sampleSize: number) {
    this.#ends = new Float64Array(sampleSize);
    this.#later = new Float64Array(SIMULATED_PER_RUNNING * sampleSize + 1);
  }

  /** @param sortRemaining writes the sampled jobs' remaining seconds, ascending; asked only where single ends matter */
  seconds(load: LoadAhead, sortRemaining: (into: Float64Array) => void): number | undefined {
    const { sampled, remainingSum, leastRemaining, runningCount, aheadCount, aheadSeconds } = load;
    if (sampled === 0) return undefined;
    // A sample of the servers meets the same share of the queue.
    const share = sampled / runningCount;
    const count = aheadCount * share;
    // When its turn comes the others are in the midst of theirs, about as far from their ends as now.
    if (count > SIMULATED_PER_RUNNING * sampled) return (remainingSum / sampled + aheadSeconds) / runningCount;
    const starts = Math.round(count);
    // The first end of a sample lies further out than the first of all.
    if (starts === 0) return leastRemaining * share;
    sortRemaining(this.#ends);
    return this.#playThrough(sampled, starts, aheadSeconds / aheadCount);
  }

  /** The end after so many starts. Those that start end in the order they start, all after equal times: two sorted lists are merged. */
  #playThrough(sampled: number, starts: number, meanSeconds: number): number {
    const ends = this.#ends;
    const later = this.#later;
    invariant(starts < later.length, 'only short queues are played through');
    let first = 0;
    let firstLater = 0;
    for (let started = 0; ; started += 1) {
      const isEarlier =
        first < sampled && (firstLater === started || (ends[first] as number) <= (later[firstLater] as number));
      const end = (isEarlier ? ends[first] : later[firstLater]) as number;
      if (started === starts) return end;
      if (isEarlier) first += 1;
      else firstLater += 1;
      later[started] = end + meanSeconds;
    }
  }
}
