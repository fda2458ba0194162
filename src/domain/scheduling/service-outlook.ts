import type { Job } from '../model/job.ts';
import { WaitPrediction } from './predict-wait.ts';
import { RunningSample, type RunningSince, SAMPLE_SIZE } from './running-sample.ts';
import { WaitBias } from './wait-bias.ts';

/** How much the newest end weighs in the pace. */
const NEWEST_WEIGHT = 0.1;
/** The pace begins as if so much of a typical job had gone as planned. */
const PRIOR_SHARE = 0.1;
/** Ends before the pace is taken for known: until then the plan's times are mere promises. */
const KNOWN_AFTER = 5;
/** A deadline is given up at arrival when even this share of the predicted wait is longer. */
const HOPEFUL_SHARE = 0.75;
const PACE_RANGE = { min: 0.001, max: 1000 };

/** Expects how long jobs take, from the plan's service times and how jobs compared with them of late. */
export class ServiceOutlook {
  readonly #sample = new RunningSample();
  readonly #prediction = new WaitPrediction(SAMPLE_SIZE);
  readonly #sortRemaining = (into: Float64Array): void => this.#sample.sortRemaining(into);
  readonly #bias = new WaitBias();
  /** What jobs took over what was planned for them, both together: of a very short one most is not its length. */
  #pace = 1;
  /** Seconds of jobs of late, the newest weighing most. */
  #tookMean = 0;
  #plannedMean = 0;
  #ends = 0;

  /** Whether a job had better be told at once that its deadline cannot be met, as far as enough jobs have ended to say so. */
  isTooLate(job: Job, predictedMs: number | undefined, nowMs: number): boolean {
    if (job.deadlineMs === undefined || predictedMs === undefined || this.#ends < KNOWN_AFTER) return false;
    return nowMs + HOPEFUL_SHARE * predictedMs > job.deadlineMs;
  }

  started(running: RunningSince): void {
    this.#sample.start(running);
  }

  /** It runs on another chain now. */
  moved(running: RunningSince): void {
    this.#sample.move(running);
  }

  /** Chains may be reckoned with other service times. @param running all jobs that run   O(jobs that run) */
  replanned(running: Iterable<RunningSince>): void {
    this.#sample.reckonAll(running);
  }

  /** It does not run any more, whatever ended it. */
  stopped(running: RunningSince): void {
    this.#sample.end(running);
  }

  /** A job ran to its end. */
  observe(running: RunningSince, nowMs: number): void {
    const { serviceSeconds } = running.state.chain;
    const planned = serviceSeconds * (running.job.size ?? 1);
    const took = (nowMs - running.startedMs) / 1000;
    if (!Number.isFinite(took / planned)) return;
    if (this.#ends === 0) this.#tookMean = this.#plannedMean = PRIOR_SHARE * serviceSeconds;
    this.#ends += 1;
    const weight = Math.max(NEWEST_WEIGHT, 1 / (this.#ends + 1));
    this.#tookMean += weight * (took - this.#tookMean);
    this.#plannedMean += weight * (planned - this.#plannedMean);
    this.#pace = Math.min(PACE_RANGE.max, Math.max(PACE_RANGE.min, this.#tookMean / this.#plannedMean));
  }

  /** A job that had to wait starts. @param predictedMs when it came */
  waited({ size = 1 }: Job, predictedMs: number, realMs: number): void {
    this.#bias.waited(size, predictedMs, realMs);
  }

  /**
   * Milliseconds that a job waits behind `ahead`; undefined when nothing can be said. O(sample), whatever runs
   * and waits.
   * @param allRunning asked only where the sample has to be filled again
   * @param ahead jobs that start before it, and their sizes together
   */
  predictMs(
    allRunning: () => Iterable<RunningSince>,
    { size = 1 }: Job,
    ahead: { readonly count: number; readonly work: number },
    nowMs: number,
  ): number | undefined {
    const sample = this.#sample;
    while (sample.isDepleted && sample.refill(allRunning()));
    sample.look(this.#pace, nowMs);
    const seconds = this.#prediction.seconds(
      {
        sampled: sample.size,
        remainingSum: sample.remainingSum,
        leastRemaining: sample.leastRemaining,
        runningCount: sample.running,
        aheadCount: ahead.count,
        aheadSeconds: ahead.work * this.#pace * sample.meanChainSeconds,
      },
      this.#sortRemaining,
    );
    return seconds === undefined ? undefined : 1000 * seconds * this.#bias.factorOf(size);
  }
}
