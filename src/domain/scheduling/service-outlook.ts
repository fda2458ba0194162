import type { Job } from '../model/job.ts';
import type { ChainState } from './cache-table.ts';
import { predictWaitSeconds } from './predict-wait.ts';

/** A running job, as far as its end is concerned. */
export interface RunningSince {
  readonly job: Job;
  readonly state: ChainState;
  readonly startedMs: number;
}

/** Running jobs looked at for one prediction, at most. */
const SAMPLE = 128;
/** How much the newest end weighs in the pace. */
const NEWEST_WEIGHT = 0.1;
/** Ends before the pace is taken for known: until then the plan's times are mere promises. */
const KNOWN_AFTER = 5;
/** A deadline is given up at arrival when even this share of the predicted wait is longer. */
const HOPEFUL_SHARE = 0.75;
const PACE_RANGE = { min: 0.001, max: 1000 };
/** A job that overran its expected time is expected to take this share of it more. */
const OVERRUN_SHARE = 0.1;

/** Expects how long jobs take, from the plan's service times and how jobs compared with them of late. */
export class ServiceOutlook {
  #pace = 1;
  #ends = 0;

  /** Whether a job had better be told at once that its deadline cannot be met, as far as enough jobs have ended to say so. */
  isTooLate(job: Job, predictedMs: number | undefined, nowMs: number): boolean {
    if (job.deadlineMs === undefined || predictedMs === undefined || this.#ends < KNOWN_AFTER) return false;
    return nowMs + HOPEFUL_SHARE * predictedMs > job.deadlineMs;
  }

  /** A job ran to its end. */
  observe(running: RunningSince, nowMs: number): void {
    const planned = plannedSeconds(running);
    const seen = (nowMs - running.startedMs) / 1000 / planned;
    if (!Number.isFinite(seen)) return;
    const bounded = Math.min(PACE_RANGE.max, Math.max(PACE_RANGE.min, seen));
    this.#ends += 1;
    this.#pace += Math.max(NEWEST_WEIGHT, 1 / this.#ends) * (bounded - this.#pace);
  }

  /**
   * Milliseconds that a job waits behind `ahead`; undefined when nothing can be said. O(sample).
   * @param ahead jobs that start before it, and their sizes together
   */
  predictMs(
    running: ReadonlyMap<string, RunningSince>,
    ahead: { readonly count: number; readonly work: number },
    nowMs: number,
  ): number | undefined {
    const remainingSeconds: number[] = [];
    let chainSeconds = 0;
    for (const job of running.values()) {
      const expected = this.#pace * plannedSeconds(job);
      const left = expected - (nowMs - job.startedMs) / 1000;
      remainingSeconds.push(Math.max(left, OVERRUN_SHARE * expected));
      chainSeconds += job.state.chain.serviceSeconds;
      if (remainingSeconds.length === SAMPLE) break;
    }
    const seconds = predictWaitSeconds({
      remainingSeconds,
      runningCount: running.size,
      aheadCount: ahead.count,
      aheadSeconds: (ahead.work * this.#pace * chainSeconds) / Math.max(1, remainingSeconds.length),
    });
    return seconds === undefined ? undefined : 1000 * seconds;
  }
}

function plannedSeconds({ job, state }: RunningSince): number {
  return state.chain.serviceSeconds * (job.size ?? 1);
}
