import { BirthDeathSum } from './birth-death.ts';
import type { ChainCapacity } from './response-time-bounds.ts';
import { serviceRate } from './response-time-bounds.ts';

/** Largest number of states that is solved; more is left to bounds and simulation. */
export const MAX_EXACT_STATES = 20_000;

const MAX_SWEEPS = 5_000;
/** Sweeps end when the mean moves by less than this share of itself. */
const TOLERANCE = 1e-14;
/** Levels whose jobs weigh less than this against the rest are beyond the rounding of the mean. */
const NEGLIGIBLE = 1e-19;
/** Classes that fewer jobs than this share would ever reach are left out: they cannot be seen in the mean. */
const NEVER = 1e-13;

/** Chains of one speed, which JFFC does not tell apart: fastest first. */
interface SpeedClass {
  slots: number;
  readonly serviceRate: number;
}

/**
 * Mean response time of JFFC, exact up to rounding: the stationary distribution of the Markov chain
 * over how many jobs run on each chain, with the queue behind the full state as a geometric series.
 *
 * States are grouped into levels by their number of jobs n, which moves by one. Between levels n and
 * n + 1 as much goes up (lambda) as comes down (the level's mean death rate r_n), so only the shares
 * within each level are unknown. Gauss-Seidel sweeps up and down the levels settle them, with the
 * levels' weights always in balance; the r_n then give the mean as a birth-death process.
 *
 * @param maxStates states that are solved at most, up to `MAX_EXACT_STATES`
 * @returns seconds; undefined when unstable or when there are more states
 * O(sweeps * states * chains)
 */
export function computeExactResponse(
  chains: readonly ChainCapacity[],
  arrivalRatePerSecond: number,
  maxStates = MAX_EXACT_STATES,
): number | undefined {
  const rate = serviceRate(chains);
  if (!(arrivalRatePerSecond < rate)) return undefined;
  const classes = groupBySpeed(chains);
  let states = 1;
  for (let reached = 1; reached <= classes.length; reached += 1) {
    states *= 1 + (classes[reached - 1]?.slots ?? 0);
    if (states > maxStates) return undefined;
    const used = classes.slice(0, reached);
    if (reached < classes.length && !(shareOfFull(used, arrivalRatePerSecond) < NEVER)) continue;
    return new LevelChain(used, states, arrivalRatePerSecond).meanResponseSeconds();
  }
  return undefined;
}

/**
 * At most this share of jobs finds these classes full: the birth-death process that keeps their jobs on
 * the slowest of them, with everybody waiting for these classes, has more jobs in it. 1 when they alone are unstable.
 */
function shareOfFull(classes: readonly SpeedClass[], lambda: number): number {
  let weight = 1;
  let weights = 0;
  let rate = 0;
  for (const { slots, serviceRate: mu } of classes.toReversed()) {
    for (let s = 1; s <= slots; s += 1) {
      weights += weight;
      weight *= lambda / (rate + s * mu);
    }
    rate += slots * mu;
  }
  if (!(lambda < rate)) return 1;
  const full = weight / (1 - lambda / rate);
  return full / (weights + full);
}

function groupBySpeed(chains: readonly ChainCapacity[]): SpeedClass[] {
  const classes: SpeedClass[] = [];
  let seconds = Number.NaN;
  for (const chain of [...chains].sort((a, b) => a.serviceSeconds - b.serviceSeconds)) {
    const last = classes.at(-1);
    if (last !== undefined && chain.serviceSeconds === seconds) last.slots += chain.slots;
    else classes.push({ slots: chain.slots, serviceRate: 1 / chain.serviceSeconds });
    seconds = chain.serviceSeconds;
  }
  return classes;
}

class LevelChain {
  readonly #lambda: number;
  /** Slots and service rate of one slot, by class. */
  readonly #slots: Int32Array;
  readonly #mu: Float64Array;
  /** Distance in the state index of one more job in a class. */
  readonly #strides: Int32Array;
  /** Jobs of state s in class l: `#jobs[s * classes + l]`. */
  readonly #jobs: Int32Array;
  /** States by level: level n is `#order[#levelStart[n] .. #levelStart[n + 1])`. */
  readonly #order: Int32Array;
  readonly #levelStart: Int32Array;
  /** Death rate of each state. */
  readonly #stateRate: Float64Array;
  /** Share of each state within its level. */
  readonly #share: Float64Array;
  /** r_n. */
  readonly #levelRate: Float64Array;

  constructor(classes: readonly SpeedClass[], states: number, lambda: number) {
    const width = classes.length;
    this.#lambda = lambda;
    this.#slots = Int32Array.from(classes, ({ slots }) => slots);
    this.#mu = Float64Array.from(classes, ({ serviceRate }) => serviceRate);
    this.#strides = new Int32Array(width);
    this.#jobs = new Int32Array(states * width);
    this.#stateRate = new Float64Array(states);
    let stride = 1;
    classes.forEach(({ slots }, l) => {
      this.#strides[l] = stride;
      stride *= slots + 1;
    });
    const level = new Int32Array(states);
    for (let state = 0; state < states; state += 1) {
      classes.forEach(({ slots, serviceRate: mu }, l) => {
        const jobs = Math.floor(state / (this.#strides[l] ?? 1)) % (slots + 1);
        this.#jobs[state * width + l] = jobs;
        this.#stateRate[state] = (this.#stateRate[state] ?? 0) + jobs * mu;
        level[state] = (level[state] ?? 0) + jobs;
      });
    }
    const levels = classes.reduce((sum, { slots }) => sum + slots, 0) + 1;
    this.#levelStart = new Int32Array(levels + 1);
    for (const n of level) this.#levelStart[n + 1] = (this.#levelStart[n + 1] ?? 0) + 1;
    for (let n = 0; n < levels; n += 1) {
      this.#levelStart[n + 1] = (this.#levelStart[n + 1] ?? 0) + (this.#levelStart[n] ?? 0);
    }
    this.#order = Int32Array.from(level.keys()).sort((a, b) => (level[a] ?? 0) - (level[b] ?? 0) || a - b);
    this.#share = Float64Array.from(level, (n) => 1 / ((this.#levelStart[n + 1] ?? 1) - (this.#levelStart[n] ?? 0)));
    this.#levelRate = new Float64Array(levels);
    for (let n = 0; n < levels; n += 1) this.#normalise(n);
  }

  meanResponseSeconds(): number | undefined {
    let before = this.#mean();
    for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
      const end = this.#levelsThatMatter();
      for (let n = 1; n < end; n += 1) this.#relax(n);
      for (let n = end - 1; n > 0; n -= 1) this.#relax(n);
      const now = this.#mean();
      if (Math.abs(now - before) <= TOLERANCE * now) return now;
      before = now;
    }
    return undefined;
  }

  #mean(): number {
    const sum = new BirthDeathSum(this.#lambda);
    const top = this.#levelRate.length - 1;
    for (let n = 1; n <= top; n += 1) sum.add(this.#levelRate[n] ?? 0);
    return sum.meanJobsWithQueue(this.#levelRate[top] ?? 0) / this.#lambda;
  }

  /** The level from which on all levels, being so rare, cannot move the mean; at most the full one, whose shares are known. */
  #levelsThatMatter(): number {
    const top = this.#levelRate.length - 1;
    let weight = 1;
    let jobs = 0;
    for (let n = 1; n < top; n += 1) {
      const ratio = this.#lambda / (this.#levelRate[n] ?? 1);
      weight *= ratio;
      jobs += n * weight;
      if (ratio < 1 && n * weight < NEGLIGIBLE * jobs) return n;
      if (weight > 1e150) {
        jobs /= weight;
        weight = 1;
      }
    }
    return top;
  }

  /** One Gauss-Seidel pass over the balance equations of a level. */
  #relax(n: number): void {
    const width = this.#slots.length;
    const [slots, mu, strides, jobsOf, share] = [this.#slots, this.#mu, this.#strides, this.#jobs, this.#share];
    const fromBelow = this.#levelRate[n] ?? 0;
    const fromAbove = this.#lambda / (this.#levelRate[n + 1] ?? 1);
    const end = this.#levelStart[n + 1] ?? 0;
    for (let i = this.#levelStart[n] ?? 0; i < end; i += 1) {
      const state = this.#order[i] ?? 0;
      let arrivals = 0;
      let departures = 0;
      let isFasterFull = true;
      for (let l = 0; l < width; l += 1) {
        const jobs = jobsOf[state * width + l] ?? 0;
        const stride = strides[l] ?? 0;
        // JFFC led here by an arrival to class l only if every faster class was full.
        if (isFasterFull && jobs > 0) arrivals += share[state - stride] ?? 0;
        if (jobs < (slots[l] ?? 0)) {
          departures += (share[state + stride] ?? 0) * (jobs + 1) * (mu[l] ?? 0);
          isFasterFull = false;
        }
      }
      share[state] = (fromBelow * arrivals + fromAbove * departures) / (this.#lambda + (this.#stateRate[state] ?? 0));
    }
    this.#normalise(n);
  }

  /** Makes a level's shares sum to 1 again and takes its mean death rate. */
  #normalise(n: number): void {
    const start = this.#levelStart[n] ?? 0;
    const end = this.#levelStart[n + 1] ?? 0;
    let total = 0;
    for (let i = start; i < end; i += 1) total += this.#share[this.#order[i] ?? 0] ?? 0;
    let rate = 0;
    for (let i = start; i < end; i += 1) {
      const state = this.#order[i] ?? 0;
      const share = (this.#share[state] ?? 0) / total;
      this.#share[state] = share;
      rate += share * (this.#stateRate[state] ?? 0);
    }
    this.#levelRate[n] = rate;
  }
}
