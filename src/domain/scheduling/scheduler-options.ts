import type { TenantLimit } from '../model/job.ts';
import type { JobOrderOptions } from './job-order.ts';

/** Without more than a queue limit the scheduler is the paper's: slots, first in, first out. */
export interface SchedulerOptions extends Partial<JobOrderOptions> {
  /** Jobs that may wait, >= 0; one more is rejected with `queue_full`. */
  readonly queueLimit: number;
  /**
   * What a job reserves at each hop: one slot of the largest session (`slots`, the default), or its own
   * tokens out of each server's account, which all chains through it share (`tokens`).
   */
  readonly cache?: 'slots' | 'tokens';
  /** Cache of one token in one block, bytes > 0; for `tokens`. Default 1: then bytes are tokens times blocks. */
  readonly cacheBytesPerToken?: number;
  /** Smaller jobs that may start before the next one while it does not fit, integer >= 0. Default 16. */
  readonly maxOvertakes?: number;
  /** Share of a tenant against the others of its class, > 0. Default 1 for all. */
  readonly tenantWeight?: (tenant: string) => number;
  /** What a tenant may ask for whose jobs bring no limit of their own. Default: anything. */
  readonly tenantLimit?: TenantLimit | undefined;
  /** Predicts waits, and refuses at once what could not start before its deadline. Default false. */
  readonly predictsWaits?: boolean;
}

const DEFAULTS = {
  cache: 'slots',
  cacheBytesPerToken: 1,
  order: 'fifo',
  maxOvertakes: 16,
  maxWaitFactor: 8,
  predictsWaits: false,
  tenantWeight: () => 1,
  tenantLimit: undefined,
} as const;

export function completeOptions(options: SchedulerOptions): Required<SchedulerOptions> {
  return { ...DEFAULTS, ...options };
}
