/** A request as the scheduler sees it. */
export interface Job {
  /** Unique among the jobs that wait or run. */
  readonly id: string;
  /** Time until which it may wait for its turn, in the scheduler's clock; undefined waits without limit. */
  readonly deadlineMs: number | undefined;
}

/** How a job that was assigned (or waited) ended, as its owner reports it. */
export type CompletionOutcome = 'completed' | 'cancelled' | 'failed';

/** Why a job was not accepted. */
export type RejectionReason = 'queue_full' | 'no_capacity' | 'draining';
