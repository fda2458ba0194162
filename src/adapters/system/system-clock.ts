import type { Clock } from '../../application/ports/clock.ts';

/** setTimeout fires at once for delays beyond 2^31 - 1 ms. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Real time: the process's monotonic clock, which no change of the wall clock moves. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
