import type { RunningSince } from './running-sample.ts';
import type { TenantAccount } from './tenant-limits.ts';

/** A job that holds cache on a chain. Lives until it ends or loses the chain. */
export interface RunningJob extends RunningSince {
  readonly isRunning: true;
  /** The scheduler changes it where the job moves. */
  state: RunningSince['state'];
  /** Of the plan that it started in. */
  readonly epoch: number;
  readonly account: TenantAccount | undefined;
}
