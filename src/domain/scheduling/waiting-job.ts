import type { Job } from '../model/job.ts';
import type { HeapItem } from '../shared/min-heap.ts';
import type { DeadlineEntry } from './deadline-queue.ts';
import type { QueueNode } from './fifo-queue.ts';
import type { TenantAccount } from './tenant-limits.ts';

/** A job in the queue. Lives until it starts, expires or leaves. */
export interface WaitingJob extends QueueNode {
  readonly isRunning: false;
  readonly job: Job;
  readonly arrivedMs: number;
  /** Order of arrival. */
  readonly sequence: number;
  /** The job's, with their defaults. */
  readonly tokens: number;
  readonly size: number;
  /** How long it was predicted to wait when it came, ms; undefined where nothing is predicted. */
  readonly predictedMs: number | undefined;
  /** Where its tenant's limits are counted. */
  readonly account: TenantAccount | undefined;
  /** It ran before and lost its chain: it goes before all that have not run yet. */
  readonly isDisplaced: boolean;
  /** Jobs that started before it although it was next, because it did not fit. */
  overtakes: number;
  /** Work started in its order from which on nothing may go before it, see `JobOrder`. */
  dueWork: number;
  /** Its places in the queues that it stands in. */
  inDeadlines: WaitingDeadline | undefined;
  inReservations: WaitingPlace | undefined;
  inUrgent: WaitingPlace | undefined;
  inSizes: WaitingPlace | undefined;
  inDues: WaitingPlace | undefined;
}

/** One heap's view of a waiting job: a job stands in several heaps at once. */
export interface WaitingPlace extends HeapItem {
  readonly waiting: WaitingJob;
}

/** The same where it waits for its deadline. */
export interface WaitingDeadline extends WaitingPlace, DeadlineEntry {}

export function newPlace(waiting: WaitingJob, key: number): WaitingPlace {
  return { key, sequence: waiting.sequence, heapPosition: -1, waiting };
}

export function newDeadline(waiting: WaitingJob, key: number): WaitingDeadline {
  return { key, sequence: waiting.sequence, heapPosition: -1, waiting, next: undefined, previous: undefined };
}
