import type { TokenWorkload } from './service-times.ts';

/** What a plan is made for. */
export interface Demand {
  /** lambda, > 0. */
  readonly arrivalRatePerSecond: number;
  readonly workload: TokenWorkload;
}

/** Differences below so many standard deviations are taken for chance. */
const SIGNIFICANT_DEVIATIONS = 3;

/**
 * Whether demand has moved away from what was planned for: an arrival rate or a mean length that
 * differs by more than the share `threshold`. An estimated rate counts only where chance alone would
 * hardly explain it: over a window w its variance is about rate / 2w.
 * @param windowSeconds time constant of the rate's estimate, > 0
 */
export function hasDemandDrifted(planned: Demand, now: Demand, threshold: number, windowSeconds: number): boolean {
  const rates = [planned.arrivalRatePerSecond, now.arrivalRatePerSecond] as const;
  const deviation = Math.sqrt(Math.max(...rates) / (2 * windowSeconds));
  const hasRateDrifted =
    isFar(rates[0], rates[1], threshold) && Math.abs(rates[0] - rates[1]) > SIGNIFICANT_DEVIATIONS * deviation;
  return (
    hasRateDrifted ||
    isFar(planned.workload.inputTokens, now.workload.inputTokens, threshold) ||
    isFar(planned.workload.outputTokens, now.workload.outputTokens, threshold)
  );
}

/** Whether two numbers > 0 differ by more than a share of the first. */
export function isFar(before: number, after: number, threshold: number): boolean {
  return Math.abs(after - before) > threshold * before;
}
