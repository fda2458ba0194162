/** A request as the scheduler sees it. What a mode of scheduling does not use may be absent. */
export interface Job {
  /** Unique among the jobs that wait or run. */
  readonly id: string;
  /** Time until which it may wait for its turn, in the scheduler's clock; undefined waits without limit. */
  readonly deadlineMs: number | undefined;
  /** The client named the deadline: within its tenant and class the job goes before those that named none. */
  readonly isUrgent?: boolean;
  /** Cache it reserves at every hop, tokens per block: prompt plus longest output. Integer >= 1, default 1. */
  readonly tokens?: number;
  /** Predicted service time as a multiple of the typical job's, > 0, default 1. */
  readonly size?: number;
  /** Default `normal`. */
  readonly priority?: Priority;
  /** Who shares with whom: a name, default empty. */
  readonly tenant?: string;
  /** What all jobs of its tenant together may ask for; default: what the scheduler gives to all. */
  readonly limit?: TenantLimit | undefined;
}

/** What one tenant may ask for; undefined is without limit. */
export interface TenantLimit {
  /** Requests that wait or run at once, >= 1. */
  readonly maxConcurrency: number | undefined;
  /** >= 1 */
  readonly requestsPerMinute: number | undefined;
  /** Prompt and longest output, >= 1. */
  readonly tokensPerMinute: number | undefined;
}

/** Classes of jobs, the first goes first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** How a job that was assigned (or waited) ended, as its owner reports it. */
export type CompletionOutcome = 'completed' | 'cancelled' | 'failed';

/** Why a job was not accepted. */
export type RejectionReason = 'queue_full' | 'no_capacity' | 'draining' | 'rate_limited' | 'too_large';
