import type { Chain } from '../model/chain.ts';
import type { RejectionReason } from '../model/job.ts';

/** What the scheduler decided. The caller carries it out; the scheduler has already accounted for it. */
export type SchedulingEffect =
  | {
      /** The job holds a slot of `chain` from now until its owner calls `complete`. */
      readonly kind: 'assigned';
      readonly jobId: string;
      readonly chain: Chain;
      readonly epoch: number;
      readonly queuedMs: number;
      /** How long it was predicted to wait when it came, ms; absent where it did not wait or nothing is predicted. */
      readonly predictedMs?: number;
    }
  | {
      readonly kind: 'rejected';
      readonly jobId: string;
      readonly reason: RejectionReason;
      /** When trying again may help, ms > 0, where that is known. */
      readonly retryAfterMs?: number;
    }
  | {
      /** The job's deadline passed while it waited; with `predictedMs`, it would have, and the job is told at once. */
      readonly kind: 'expired';
      readonly jobId: string;
      readonly queuedMs: number;
      readonly predictedMs?: number;
    };
