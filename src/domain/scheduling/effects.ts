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
    }
  | { readonly kind: 'rejected'; readonly jobId: string; readonly reason: RejectionReason }
  /** The job's deadline passed while it waited. */
  | { readonly kind: 'expired'; readonly jobId: string; readonly queuedMs: number };
