/** Time as the application sees it: monotonic milliseconds, so that a jump of the wall clock is harmless. */
export interface Clock {
  nowMs(): number;
  /** Calls `callback` once after `delayMs` (>= 0); the returned function cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void;
}
