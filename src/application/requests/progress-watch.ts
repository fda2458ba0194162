import type { HopTiming } from '../ports/chain-transport.ts';

export interface ProgressRule {
  /** Steps over which the mean is taken, >= 1. */
  readonly windowSteps: number;
  /** A chain is too slow above this multiple of its planned time per token, > 1, ... */
  readonly factor: number;
  /** ... and above this many seconds per token. */
  readonly leastSeconds: number;
}

export interface SlowHop {
  readonly index: number;
  /** Mean round trip of its steps. */
  readonly seconds: number;
}

/**
 * Notices a chain that answers each step in time and gets nowhere all the same: the mean time of its
 * latest generated tokens is far beyond what was planned. The hop that took most of it is the culprit.
 */
export class ProgressWatch {
  readonly #rule: ProgressRule;
  #before: readonly HopTiming[] | undefined;
  #steps = 0;

  constructor(rule: ProgressRule) {
    this.#rule = rule;
  }

  /** Begins a new window: the hops changed, or a prompt was fed. */
  restart(): void {
    this.#before = undefined;
    this.#steps = 0;
  }

  /** One token has gone through. @param timings of the hops, so far   @param plannedSeconds of one token */
  observe(timings: readonly HopTiming[], plannedSeconds: number): SlowHop | undefined {
    const before = this.#before;
    if (before === undefined || before.length !== timings.length) {
      this.#before = timings;
      this.#steps = 0;
      return undefined;
    }
    this.#steps += 1;
    if (this.#steps < this.#rule.windowSteps) return undefined;
    const seconds = timings.map(
      (timing, i) => (timing.roundTripSeconds - (before[i]?.roundTripSeconds ?? 0)) / this.#steps,
    );
    this.#before = timings;
    this.#steps = 0;
    const total = seconds.reduce((sum, each) => sum + each, 0);
    if (total <= Math.max(this.#rule.leastSeconds, this.#rule.factor * plannedSeconds)) return undefined;
    const slowest = Math.max(...seconds);
    return { index: seconds.indexOf(slowest), seconds: slowest };
  }
}
