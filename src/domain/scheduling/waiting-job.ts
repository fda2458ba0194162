import type { Job } from '../model/job.ts';
import type { HeapItem } from '../shared/min-heap.ts';
import type { QueueNode } from './fifo-queue.ts';
import type { TenantAccount } from './tenant-limits.ts';

/** A job in the queue. Lives until it starts, expires or leaves. */
export interface WaitingJob extends QueueNode {
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
  /** Its places in the heaps that it stands in. */
  inDeadlines: WaitingPlace | undefined;
  inReservations: WaitingPlace | undefined;
  inUrgent: WaitingPlace | undefined;
  inSizes: WaitingPlace | undefined;
  inDues: WaitingPlace | undefined;
}

/** One heap's view of a waiting job: a job stands in several heaps at once. */
export interface WaitingPlace extends HeapItem {
  readonly waiting: WaitingJob;
}

export function newPlace(waiting: WaitingJob, key: number): WaitingPlace {
  return { key, sequence: waiting.sequence, heapPosition: -1, waiting };
}
