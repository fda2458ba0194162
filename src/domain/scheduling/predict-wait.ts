/** What is known of the load when a job comes. */
export interface LoadAhead {
  /** Expected seconds until each running job ends, >= 0, in any order: all of them, or a sample. */
  readonly remainingSeconds: readonly number[];
  /** Jobs that run, >= the length of the sample. */
  readonly runningCount: number;
  /** Jobs that start before the one asked about, >= 0; need not be whole. */
  readonly aheadCount: number;
  /** Expected service seconds of all of these together, >= 0. */
  readonly aheadSeconds: number;
}

/** Waiting jobs per running one up to which single ends matter; beyond, the mean rate tells as much. */
const SIMULATED_PER_RUNNING = 2;

/**
 * Expected seconds until a job starts that waits behind the given load: every end lets the next one
 * start, so as many run at once as run now. Short queues are played through end by end; for long ones the
 * work ahead is divided by the number of jobs that share it. Undefined when nothing runs: then it is not
 * load that the job waits for, and nothing can be said.
 *
 * O(n log n) in the length of the sample.
 */
export function predictWaitSeconds(load: LoadAhead): number | undefined {
  const { remainingSeconds, runningCount, aheadCount, aheadSeconds } = load;
  const sampled = remainingSeconds.length;
  if (sampled === 0) return undefined;
  // A sample of the servers meets the same share of the queue.
  const count = (aheadCount * sampled) / runningCount;
  const seconds = (aheadSeconds * sampled) / runningCount;
  if (count > SIMULATED_PER_RUNNING * sampled) {
    // When its turn comes the others are in the midst of theirs, about as far from their ends as now.
    const remaining = remainingSeconds.reduce((sum, value) => sum + value, 0) / sampled;
    return (remaining + aheadSeconds) / runningCount;
  }
  const ends = remainingSeconds.toSorted((a, b) => a - b);
  const meanSeconds = count > 0 ? seconds / count : 0;
  // Those that start end in the order they start, all after equal times: two sorted lists are merged.
  const later: number[] = [];
  let first = 0;
  let firstLater = 0;
  const nextEnd = (): number => {
    const end = ends[first];
    const laterEnd = later[firstLater];
    if (end !== undefined && (laterEnd === undefined || end <= laterEnd)) {
      first += 1;
      return end;
    }
    firstLater += 1;
    return laterEnd as number;
  };
  const starts = Math.round(count);
  for (let started = 0; started < starts; started += 1) later.push(nextEnd() + meanSeconds);
  // The first end of a sample lies further out than the first of all.
  return starts === 0 ? (nextEnd() * sampled) / runningCount : nextEnd();
}
