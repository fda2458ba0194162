import type { Chain } from '../model/chain.ts';
import type { CompletionOutcome, Job } from '../model/job.ts';
import { invariant } from '../shared/invariant.ts';
import { type HeapItem, MinHeap } from '../shared/min-heap.ts';
import type { SchedulingEffect } from './effects.ts';
import { FifoQueue, type QueueNode } from './fifo-queue.ts';
import { pickFastestFreeChain } from './jffc.ts';
import { type ChainState, type DispatchPlan, SlotTable } from './slot-table.ts';

export interface SchedulerOptions {
  /** Jobs that may wait, >= 0; one more is rejected with `queue_full`. */
  readonly queueLimit: number;
}

interface WaitingJob extends QueueNode, HeapItem {
  readonly job: Job;
  readonly arrivedMs: number;
  /** Which of the two queues it is in. */
  readonly queue: FifoQueue<WaitingJob>;
}

interface RunningJob {
  readonly state: ChainState;
  readonly epoch: number;
}

/** Totals since the start: arrived = completed + cancelled + failed + rejected + expired + running + waiting. */
export interface JobCounts {
  arrived: number;
  completed: number;
  cancelled: number;
  failed: number;
  rejected: number;
  expired: number;
}

const NOTHING: readonly SchedulingEffect[] = [];

/**
 * Decides which job runs on which chain. Pure and deterministic: events in, effects out, time as an
 * argument (milliseconds of any monotonic clock). The service and the simulator run this same class.
 *
 * One central first-in-first-out queue with a bound; JFFC picks the chain. Jobs that
 * lost their chain while they ran wait in a queue of their own, ahead of it. A job holds its slot from
 * `assigned` until `complete`, `displace` or a move. It never throws for load or for what a client does; an unknown or
 * repeated job id is a bug of the caller.
 */
export class Scheduler {
  readonly counts: JobCounts = { arrived: 0, completed: 0, cancelled: 0, failed: 0, rejected: 0, expired: 0 };
  readonly #table = new SlotTable();
  readonly #queue: FifoQueue<WaitingJob>;
  /** Jobs that ran and lost their chain: they go first. As many as ran at once, at most. */
  readonly #displaced = new FifoQueue<WaitingJob>(Number.MAX_SAFE_INTEGER);
  readonly #deadlines = new MinHeap<WaitingJob>();
  readonly #waiting = new Map<string, WaitingJob>();
  readonly #running = new Map<string, RunningJob>();
  #sequence = 0;
  #isAccepting = true;

  constructor(options: SchedulerOptions) {
    this.#queue = new FifoQueue(options.queueLimit);
  }

  get epoch(): number {
    return this.#table.epoch;
  }

  /** Jobs that wait, those that lost their chain included. */
  get queueLength(): number {
    return this.#queue.length + this.#displaced.length;
  }

  get queueLimit(): number {
    return this.#queue.limit;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Chains of the current plan, fastest first. */
  get chains(): readonly Readonly<ChainState>[] {
    return this.#table.chains;
  }

  /** Jobs that run on chains which the current plan no longer has. */
  retiredChains(): readonly Readonly<ChainState>[] {
    return [...this.#table.all()].filter((state) => state.rank < 0);
  }

  /** Whether no running job uses the server. */
  isServerIdle(serverId: string): boolean {
    return this.#table.usedSlots(serverId) === 0;
  }

  /** When the oldest waiting job arrived, or undefined. */
  oldestArrivalMs(): number | undefined {
    const times = [this.#displaced.peek()?.arrivedMs, this.#queue.peek()?.arrivedMs].filter((ms) => ms !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** A new job: assigned at once, queued (no effect), or rejected. */
  arrive(job: Job, nowMs: number): readonly SchedulingEffect[] {
    invariant(!this.#waiting.has(job.id) && !this.#running.has(job.id), 'a job arrives once');
    const expired = this.advance(nowMs);
    return expired.length === 0 ? this.#place(job, nowMs) : [...expired, ...this.#place(job, nowMs)];
  }

  #place(job: Job, nowMs: number): readonly SchedulingEffect[] {
    this.counts.arrived += 1;
    if (!this.#isAccepting) return this.#reject(job, 'draining');
    if (this.#table.chains.length === 0) return this.#reject(job, 'no_capacity');
    if (job.deadlineMs !== undefined && job.deadlineMs <= nowMs) {
      this.counts.expired += 1;
      return [{ kind: 'expired', jobId: job.id, queuedMs: 0 }];
    }
    // First in, first out: nobody overtakes the head of the queue, which waits only while no chain has room.
    if (this.queueLength === 0) {
      const state = pickFastestFreeChain(this.#table);
      if (state !== undefined) return [this.#assign(job, nowMs, nowMs, state)];
    }
    if (this.#queue.isFull) return this.#reject(job, 'queue_full');
    this.#enqueue(this.#queue, job, nowMs);
    return NOTHING;
  }

  /**
   * Whether `count` more jobs would all be assigned or queued, were they to arrive now one after another:
   * the way to admit several together or none. O(chains).
   */
  canAdmit(count: number, nowMs: number): boolean {
    if (!this.#isAccepting || this.#table.chains.length === 0) return true; // each is then rejected for the same reason
    const waits = (waiting: WaitingJob): boolean => waiting.key > nowMs;
    const waiting = [...this.#queue].filter(waits).length;
    const isBehind = waiting > 0 || [...this.#displaced].some(waits);
    const free = isBehind ? 0 : this.#table.freeSlots();
    return count <= free + this.#queue.limit - waiting;
  }

  /** A job's owner is done with it, whether it ran or still waited. */
  complete(jobId: string, outcome: CompletionOutcome, nowMs: number): readonly SchedulingEffect[] {
    const running = this.#running.get(jobId);
    if (running !== undefined) {
      this.#running.delete(jobId);
      this.counts[outcome] += 1;
      this.#table.release(running.state);
      return this.#startWaiting(nowMs);
    }
    const waiting = this.#waiting.get(jobId);
    invariant(waiting !== undefined, 'a job completes once, and only if it arrived');
    this.#leaveQueue(waiting);
    this.counts[outcome] += 1;
    return this.#startWaiting(nowMs);
  }

  /**
   * A running job goes on over other hops, which need not be a chain of the plan: it frees the old ones and
   * takes the new ones at once, before anybody who waits. Undefined, and nothing changed: a server lacks room.
   */
  moveJob(jobId: string, chain: Chain, nowMs: number): readonly SchedulingEffect[] | undefined {
    const running = this.#running.get(jobId);
    invariant(running !== undefined, 'only a running job moves');
    const state = this.#table.move(running.state, chain);
    if (state === undefined) return undefined;
    this.#running.set(jobId, { state, epoch: running.epoch });
    return this.#startWaiting(nowMs);
  }

  /**
   * A running job lost its chain: it gives everything back and waits for a chain of the plan, ahead of
   * all jobs that have not run yet, until `deadlineMs`. It may be assigned at once.
   */
  displace(jobId: string, deadlineMs: number, nowMs: number): readonly SchedulingEffect[] {
    const running = this.#running.get(jobId);
    invariant(running !== undefined, 'only a running job is displaced');
    this.#running.delete(jobId);
    this.#table.release(running.state);
    this.#enqueue(this.#displaced, { id: jobId, deadlineMs }, nowMs);
    return this.#startWaiting(nowMs);
  }

  /** Blocks for which a server has cache for one more job. */
  freeSlotsAt(serverId: string): number {
    return this.#table.freeSlotsAt(serverId);
  }

  /** Time has passed: jobs whose deadline is over leave the queue. */
  advance(nowMs: number): readonly SchedulingEffect[] {
    let effects: SchedulingEffect[] | undefined;
    for (
      let first = this.#deadlines.peek();
      first !== undefined && first.key <= nowMs;
      first = this.#deadlines.peek()
    ) {
      this.#leaveQueue(first);
      this.counts.expired += 1;
      effects ??= [];
      effects.push({ kind: 'expired', jobId: first.job.id, queuedMs: nowMs - first.arrivedMs });
    }
    return effects ?? NOTHING;
  }

  /** New chains to dispatch on. Running jobs keep their chain and their epoch; waiting jobs may start. */
  adoptPlan(plan: DispatchPlan, nowMs: number): readonly SchedulingEffect[] {
    this.#table.adopt(plan);
    return this.#startWaiting(nowMs);
  }

  /** No new jobs from now on; those that wait or run go on. */
  stopAccepting(): void {
    this.#isAccepting = false;
  }

  /** When `advance` has something to do next, or undefined. */
  nextDeadlineMs(): number | undefined {
    return this.#deadlines.peek()?.key;
  }

  /** Epoch in which a running job started. */
  epochOf(jobId: string): number | undefined {
    return this.#running.get(jobId)?.epoch;
  }

  /** Chains have room again: the head of the queue starts, while its deadline has not passed. */
  #startWaiting(nowMs: number): readonly SchedulingEffect[] {
    const expired = this.advance(nowMs);
    let effects: SchedulingEffect[] | undefined = expired.length === 0 ? undefined : [...expired];
    for (let head = this.#head(); head !== undefined; head = this.#head()) {
      const state = pickFastestFreeChain(this.#table);
      if (state === undefined) break;
      this.#leaveQueue(head);
      effects ??= [];
      effects.push(this.#assign(head.job, head.arrivedMs, nowMs, state));
    }
    return effects ?? NOTHING;
  }

  /** Who is next. */
  #head(): WaitingJob | undefined {
    return this.#displaced.peek() ?? this.#queue.peek();
  }

  #assign(job: Job, arrivedMs: number, nowMs: number, state: ChainState): SchedulingEffect {
    invariant(nowMs >= arrivedMs, 'a job starts no earlier than it arrives');
    this.#table.acquire(state);
    const epoch = this.#table.epoch;
    this.#running.set(job.id, { state, epoch });
    return { kind: 'assigned', jobId: job.id, chain: state.chain, epoch, queuedMs: nowMs - arrivedMs };
  }

  #enqueue(queue: FifoQueue<WaitingJob>, job: Job, nowMs: number): void {
    const sequence = this.#sequence;
    this.#sequence += 1;
    const key = job.deadlineMs ?? Number.POSITIVE_INFINITY;
    const waiting: WaitingJob = {
      job,
      queue,
      arrivedMs: nowMs,
      key,
      sequence,
      heapPosition: -1,
      next: undefined,
      previous: undefined,
    };
    queue.enqueue(waiting);
    this.#waiting.set(job.id, waiting);
    if (job.deadlineMs !== undefined) this.#deadlines.push(waiting);
  }

  #leaveQueue(waiting: WaitingJob): void {
    waiting.queue.remove(waiting);
    this.#deadlines.remove(waiting);
    this.#waiting.delete(waiting.job.id);
  }

  #reject(job: Job, reason: 'queue_full' | 'no_capacity' | 'draining'): readonly SchedulingEffect[] {
    this.counts.rejected += 1;
    return [{ kind: 'rejected', jobId: job.id, reason }];
  }
}
