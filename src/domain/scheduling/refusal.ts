import type { RejectionReason } from '../model/job.ts';

/** Why a job is not taken, and when trying again may help, ms; absent where that is not known. */
export interface Refusal {
  readonly reason: RejectionReason;
  readonly retryAfterMs?: number;
}

/** Longest and shortest time after which a client is told to try again, ms. */
const MAX_RETRY_MS = 120_000;
const MIN_RETRY_MS = 100;

/** @param retryAfterMs as predicted: it is brought into a range that clients follow */
export function refusal(reason: RejectionReason, retryAfterMs: number | undefined): Refusal {
  if (retryAfterMs === undefined) return { reason };
  return { reason, retryAfterMs: Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, Math.ceil(retryAfterMs))) };
}
