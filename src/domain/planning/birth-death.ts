/** Weights first rise and then fall; scaled back to 1 here while rising, far from where doubles overflow. */
const RESCALE_ABOVE = 1e150;
/** A remainder this small against a sum of doubles is lost in the rounding of the sum. */
const NEGLIGIBLE = 2 ** -60;

/**
 * Mean number of jobs of a birth-death process with one birth rate, given its death rates one after
 * another and a last one that holds for all larger states (the queue, summed as a geometric series).
 *
 * State weights are products of many ratios. They are rescaled as they run, which loses nothing,
 * where exponentials of summed logarithms would lose digits.
 */
export class BirthDeathSum {
  readonly #birthRate: number;
  #weight = 1;
  #sumOfWeights = 0;
  #sumOfJobs = 0;
  #jobs = 0;
  #ratio = Number.POSITIVE_INFINITY;

  /** @param birthRate > 0 */
  constructor(birthRate: number) {
    this.#birthRate = birthRate;
  }

  /** The next state, one job more, with this death rate (> 0).   O(1) */
  add(deathRate: number): void {
    this.#sumOfWeights += this.#weight;
    this.#sumOfJobs += this.#weight * this.#jobs;
    this.#ratio = this.#birthRate / deathRate;
    this.#weight *= this.#ratio;
    this.#jobs += 1;
    if (this.#weight > RESCALE_ABOVE) {
      this.#sumOfWeights /= this.#weight;
      this.#sumOfJobs /= this.#weight;
      this.#weight = 1;
    }
  }

  /**
   * Whether all states from the last one on vanish in rounding, if no later death rate is smaller: their
   * weights then stay below weight * ratio^i, and their jobs below the closed form compared here.
   */
  isSettled(): boolean {
    if (!(this.#ratio < 1)) return false;
    const gap = 1 - this.#ratio;
    return this.#weight * (this.#jobs / gap + this.#ratio / (gap * gap)) < NEGLIGIBLE * this.#sumOfJobs;
  }

  /** Mean number of jobs of the states before the last one added: exact to rounding once settled. */
  meanJobsOfSettled(): number {
    return this.#sumOfJobs / this.#sumOfWeights;
  }

  /**
   * Mean number of jobs when the last state added and all beyond it have this death rate.
   * @param deathRate > birth rate
   */
  meanJobsWithQueue(deathRate: number): number {
    const rho = this.#birthRate / deathRate;
    const gap = 1 - rho;
    const weights = this.#sumOfWeights + this.#weight / gap;
    const jobs = this.#sumOfJobs + this.#weight * (rho / (gap * gap) + this.#jobs / gap);
    return jobs / weights;
  }
}
