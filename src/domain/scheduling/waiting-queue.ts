import { type Job, PRIORITIES, type Priority } from '../model/job.ts';
import { invariant } from '../shared/invariant.ts';
import { MinHeap } from '../shared/min-heap.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { FifoQueue } from './fifo-queue.ts';
import type { JobOrderOptions } from './job-order.ts';
import { TenantShares } from './tenant-shares.ts';
import { newDeadline, newPlace, type WaitingDeadline, type WaitingJob, type WaitingPlace } from './waiting-job.ts';

/** Jobs of higher classes that start while a lower class waits, before that class has its turn. */
export const CLASS_PATIENCE = 8;

/** Positions in `PRIORITIES`. */
const CLASS_INDEX: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

export interface WaitingQueueOptions extends JobOrderOptions {
  /** Jobs at most, >= 0; those that lost their chain count besides. */
  readonly limit: number;
  /** Jobs differ in what they reserve: a smaller one may go before one that does not fit. */
  readonly hasReservations: boolean;
  /** Share of a tenant, > 0. */
  readonly weightOf: (tenant: string) => number;
}

/** What is known of a job that joins the queue. */
export type Arrival = Pick<WaitingJob, 'job' | 'arrivedMs' | 'predictedMs' | 'account' | 'isDisplaced'>;

/**
 * The central queue. Jobs that lost their chain go first. Then classes: a higher one goes first, but no
 * class that waits lets more than `CLASS_PATIENCE` jobs of higher classes go before it gets a turn. Within
 * a class tenants share (`TenantShares`), within a tenant jobs have an order (`JobOrder`). With one class,
 * one tenant and `fifo` this is first in, first out.
 */
export class WaitingQueue {
  readonly #options: WaitingQueueOptions;
  readonly #displaced = new FifoQueue<WaitingJob>(Number.MAX_SAFE_INTEGER);
  readonly #classes: readonly TenantShares[];
  /** Starts of higher classes since the class had its turn, while it waited. */
  readonly #passedOver: number[] = PRIORITIES.map(() => 0);
  readonly #deadlines = new DeadlineQueue<WaitingDeadline>();
  readonly #byReservation = new MinHeap<WaitingPlace>();
  #length = 0;
  #sequence = 0;

  constructor(options: WaitingQueueOptions) {
    this.#options = options;
    this.#classes = PRIORITIES.map(() => new TenantShares(options, options.weightOf));
  }

  get limit(): number {
    return this.#options.limit;
  }

  /** All jobs, those that lost their chain included. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length - this.#displaced.length >= this.#options.limit;
  }

  /** When the job that has waited longest came, or undefined. O(tenants) */
  oldestArrivalMs(): number | undefined {
    const all = [this.#displaced.peek()?.arrivedMs, ...this.#classes.map((jobs) => jobs.oldestArrivalMs())];
    const known = all.filter((each) => each !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Jobs that may wait on at a time, as the deadlines have it: those that lost their chain, and the others. O(jobs overdue) */
  countInTime(nowMs: number): { readonly displaced: number; readonly others: number } {
    let displaced = this.#displaced.length;
    let others = this.#length - displaced;
    this.#deadlines.visitUpTo(nowMs, ({ waiting }) => {
      if (waiting.isDisplaced) displaced -= 1;
      else others -= 1;
    });
    return { displaced, others };
  }

  add(arrival: Arrival): WaitingJob {
    const { job, arrivedMs, predictedMs, account, isDisplaced } = arrival;
    invariant(isDisplaced || !this.isFull, 'the queue never exceeds its limit');
    const waiting: WaitingJob = {
      isRunning: false,
      job,
      arrivedMs,
      sequence: this.#sequence,
      tokens: job.tokens ?? 1,
      size: job.size ?? 1,
      predictedMs,
      account,
      isDisplaced,
      overtakes: 0,
      dueWork: 0,
      inDeadlines: undefined,
      inReservations: undefined,
      inUrgent: undefined,
      inSizes: undefined,
      inDues: undefined,
      next: undefined,
      previous: undefined,
    };
    this.#sequence += 1;
    this.#length += 1;
    if (isDisplaced) this.#displaced.enqueue(waiting);
    else this.#classOf(waiting).add(waiting);
    if (job.deadlineMs !== undefined) {
      waiting.inDeadlines = newDeadline(waiting, job.deadlineMs);
      this.#deadlines.add(waiting.inDeadlines);
    }
    if (this.#options.hasReservations) {
      waiting.inReservations = newPlace(waiting, waiting.tokens);
      this.#byReservation.push(waiting.inReservations);
    }
    return waiting;
  }

  /** Who is next. */
  head(): WaitingJob | undefined {
    if (this.#displaced.length > 0) return this.#displaced.peek();
    for (let i = this.#classes.length - 1; i > 0; i -= 1) {
      if ((this.#passedOver[i] as number) >= CLASS_PATIENCE) return (this.#classes[i] as TenantShares).head();
    }
    for (const jobs of this.#classes) if (jobs.length > 0) return jobs.head();
    return undefined;
  }

  /** Who reserves least; of equal ones the first to come. Undefined where all jobs reserve the same. */
  smallest(): WaitingJob | undefined {
    return this.#byReservation.peek()?.waiting;
  }

  /** The first deadline of all, or undefined. */
  nextDeadlineMs(): number | undefined {
    return this.#deadlines.first()?.key;
  }

  /** Whose deadline is over, the first of them. */
  overdue(nowMs: number): WaitingJob | undefined {
    const first = this.#deadlines.first();
    return first === undefined || first.key > nowMs ? undefined : first.waiting;
  }

  /** A job leaves without having started. */
  remove(waiting: WaitingJob): void {
    this.#forget(waiting);
    if (waiting.isDisplaced) return;
    this.#classOf(waiting).remove(waiting);
    this.#resetIfEmpty(waiting);
  }

  /** The next job starts. */
  startHead(waiting: WaitingJob): void {
    this.#forget(waiting);
    if (waiting.isDisplaced) return;
    this.#classOf(waiting).start(waiting);
    const own = classIndex(waiting);
    this.#passedOver[own] = 0;
    for (let i = own + 1; i < this.#classes.length; i += 1) {
      if ((this.#classes[i] as TenantShares).length > 0) this.#passedOver[i] = (this.#passedOver[i] as number) + 1;
    }
  }

  /** A job that fits starts before `head`, which does not: no turn of its class, but its tenant pays. */
  startBefore(head: WaitingJob, waiting: WaitingJob): void {
    head.overtakes += 1;
    this.#forget(waiting);
    if (waiting.isDisplaced) return;
    this.#classOf(waiting).start(waiting);
    this.#resetIfEmpty(waiting);
  }

  /** Jobs and work that would go before a new one. O(classes) */
  ahead(job: Job, size: number): { readonly count: number; readonly work: number } {
    const own = CLASS_INDEX[job.priority ?? 'normal'];
    let { count, work } = (this.#classes[own] as TenantShares).ahead(job.tenant ?? '', size);
    count += this.#displaced.length;
    work += this.#displaced.length;
    for (let i = 0; i < own; i += 1) {
      const { length } = this.#classes[i] as TenantShares;
      // Higher classes go first, but only so often.
      const turns = Math.min(length, (count + 1) * CLASS_PATIENCE);
      count += turns;
      work += turns;
    }
    return { count, work };
  }

  #classOf(waiting: WaitingJob): TenantShares {
    return this.#classes[classIndex(waiting)] as TenantShares;
  }

  /** Takes a job out of everything but its class. */
  #forget(waiting: WaitingJob): void {
    this.#length -= 1;
    if (waiting.isDisplaced) this.#displaced.remove(waiting);
    if (waiting.inDeadlines !== undefined) this.#deadlines.remove(waiting.inDeadlines);
    if (waiting.inReservations !== undefined) this.#byReservation.remove(waiting.inReservations);
  }

  #resetIfEmpty(waiting: WaitingJob): void {
    if (this.#classOf(waiting).length === 0) this.#passedOver[classIndex(waiting)] = 0;
  }
}

function classIndex({ job }: WaitingJob): number {
  return CLASS_INDEX[job.priority ?? 'normal'];
}
