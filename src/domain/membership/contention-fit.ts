/** What a server that was never measured is taken for: as fast as it says, and how much steps wait for each other. */
export interface ContentionPrior {
  /** beta as declared, [0, 1]. */
  readonly slope: number;
}

/** Variances of what is not known yet: of the pace little is taken on trust, of the slope more. */
const PRIOR_VARIANCE = { pace: 1, slope: 0.1 };
/** Variance of one request's ratio of measured to expected times. */
const NOISE_VARIANCE = 0.05;
/** Requests over which older ones fade: their weight falls by this factor with each. */
const FORGETTING = 0.99;
/** One request tells no more than a time this many times the expected one, either way. */
const LARGEST_RATIO = 16;

/**
 * How fast one server is, and how much its steps wait for each other, told apart: recursive least squares with
 * forgetting of
 *
 *   seconds = pace * (alone + beta * ahead)
 *
 * where `alone` is what a step should take with the server to itself and `ahead` what it would wait were
 * steps run one after another (`ServerBacklogs`). Only requests that met others tell of beta: without any it
 * stays as declared. O(1) per request.
 */
export class ContentionFit {
  /** Coefficients of `alone` and `ahead`, and the covariance of their estimates. */
  #pace = 1;
  #waitPace: number;
  #p00 = PRIOR_VARIANCE.pace;
  #p01 = 0;
  #p11 = PRIOR_VARIANCE.slope;

  constructor({ slope }: ContentionPrior) {
    this.#waitPace = slope;
  }

  /** One request's steps at the server, on average. @param aloneSeconds > 0   @param aheadSeconds >= 0 */
  observe(seconds: number, aloneSeconds: number, aheadSeconds: number): void {
    if (!(seconds > 0 && aloneSeconds > 0 && aheadSeconds >= 0)) return;
    // In shares of what is expected at most, so that long and short steps weigh the same.
    const whole = aloneSeconds + aheadSeconds;
    const x0 = aloneSeconds / whole;
    const x1 = aheadSeconds / whole;
    const y = Math.min(LARGEST_RATIO, Math.max(1 / LARGEST_RATIO, seconds / whole));
    const px0 = this.#p00 * x0 + this.#p01 * x1;
    const px1 = this.#p01 * x0 + this.#p11 * x1;
    const scale = FORGETTING * NOISE_VARIANCE + x0 * px0 + x1 * px1;
    const error = y - (this.#pace * x0 + this.#waitPace * x1);
    this.#pace = Math.max(1 / LARGEST_RATIO, this.#pace + (px0 / scale) * error);
    this.#waitPace = Math.max(0, this.#waitPace + (px1 / scale) * error);
    // Forgetting must not make a coefficient that nothing tells of less certain than it was at first.
    this.#p00 = Math.min(PRIOR_VARIANCE.pace, (this.#p00 - (px0 * px0) / scale) / FORGETTING);
    this.#p11 = Math.min(PRIOR_VARIANCE.slope, (this.#p11 - (px1 * px1) / scale) / FORGETTING);
    const bound = Math.sqrt(this.#p00 * this.#p11);
    this.#p01 = Math.max(-bound, Math.min(bound, (this.#p01 - (px0 * px1) / scale) / FORGETTING));
  }

  /** Measured over declared times of a step alone, > 0. */
  get pace(): number {
    return this.#pace;
  }

  /** beta, [0, 1]. */
  get slope(): number {
    return Math.min(1, this.#waitPace / this.#pace);
  }
}
