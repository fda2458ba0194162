/** Sizes in classes, each twice the one before; the middle one is the typical job. */
const CLASSES = 13;
/** How much the newest wait weighs. */
const NEWEST_WEIGHT = 0.03;
/** The first waits of a class weigh more, as if there had been so many before. */
const PRIOR_WAITS = 8;
const FACTOR_RANGE = { min: 0.05, max: 20 };

/**
 * By how much waits come out longer or shorter than they are predicted from what runs and waits: the prediction
 * knows nothing of those who come later and go first, nor of room that is there and too small. Both hit jobs
 * by their size, so each class of sizes has its factor, which is right when its predicted waits sum up to the
 * real ones. O(1) per wait.
 */
export class WaitBias {
  readonly #factors = new Float64Array(CLASSES).fill(1);
  readonly #waits = new Float64Array(CLASSES);
  /** Mean of the predicted waits as they would be without a factor, ms. */
  readonly #plainMs = new Float64Array(CLASSES);

  /** What to multiply a prediction for a job of this size with, > 0. */
  factorOf(size: number): number {
    return this.#factors[classOf(size)] as number;
  }

  /** A job's wait is over. @param predictedMs with its factor, >= 0   @param realMs >= 0 */
  waited(size: number, predictedMs: number, realMs: number): void {
    const at = classOf(size);
    const factor = this.#factors[at] as number;
    this.#waits[at] = (this.#waits[at] as number) + 1;
    const weight = Math.max(NEWEST_WEIGHT, 1 / (PRIOR_WAITS + (this.#waits[at] as number)));
    const before = this.#plainMs[at] as number;
    const plainMs = predictedMs / factor;
    const meanMs = before === 0 ? plainMs : before + weight * (plainMs - before);
    this.#plainMs[at] = meanMs;
    if (!(meanMs > 0)) return;
    // Against the mean, and not against the job's own wait: a short wait that was longer by far says little.
    const error = (realMs - predictedMs) / meanMs;
    const bounded = Math.max(-FACTOR_RANGE.max, Math.min(FACTOR_RANGE.max, error));
    this.#factors[at] = Math.max(FACTOR_RANGE.min, Math.min(FACTOR_RANGE.max, factor + weight * bounded));
  }
}

function classOf(size: number): number {
  return Math.min(CLASSES - 1, Math.max(0, Math.round(Math.log2(size)) + (CLASSES - 1) / 2));
}
