import type { Chain } from '../model/chain.ts';
import type { CompletionOutcome, Job, RejectionReason } from '../model/job.ts';
import { invariant } from '../shared/invariant.ts';
import type { CacheTable, ChainState, DispatchPlan } from './cache-table.ts';
import type { SchedulingEffect } from './effects.ts';
import { pickFastestFreeChain } from './jffc.ts';
import type { JobCounts } from './job-counts.ts';
import { type Refusal, refusal } from './refusal.ts';
import type { RunningJob } from './running-job.ts';
import { notSampled } from './running-sample.ts';
import { completeOptions, type SchedulerOptions } from './scheduler-options.ts';
import { ServiceOutlook } from './service-outlook.ts';
import { SlotTable } from './slot-table.ts';
import { type TenantAccount, TenantLimits } from './tenant-limits.ts';
import { TokenTable } from './token-table.ts';
import type { WaitingJob } from './waiting-job.ts';
import { WaitingQueue } from './waiting-queue.ts';

const NOTHING: readonly SchedulingEffect[] = [];

/**
 * Decides which job runs on which chain. Pure and deterministic: events in, effects out, time as an
 * argument (milliseconds of any monotonic clock). The service and the simulator run this same class.
 *
 * One central queue with a bound (`WaitingQueue` has its order); JFFC picks the chain. With `cache: slots`
 * and one class and tenant, first in, first out, this is the paper's Algorithm 3. With `cache: tokens` the
 * next job may not fit where a smaller one does: smaller ones then go first, `maxOvertakes` of them at most.
 *
 * Jobs that lost their chain while they ran wait ahead of all others. A job holds its cache from
 * `assigned` until `complete`, `displace` or a move. It never throws for load or for what a client does;
 * an unknown or repeated job id is a bug of the caller.
 */
export class Scheduler {
  readonly counts: JobCounts = { arrived: 0, completed: 0, cancelled: 0, failed: 0, rejected: 0, expired: 0 };
  readonly #options: Required<SchedulerOptions>;
  readonly #table: CacheTable;
  readonly #queue: WaitingQueue;
  readonly #limits: TenantLimits;
  readonly #outlook: ServiceOutlook | undefined;
  /** Jobs that wait or run, by id. */
  readonly #jobs = new Map<string, WaitingJob | RunningJob>();
  #isAccepting = true;

  constructor(options: SchedulerOptions) {
    this.#options = completeOptions(options);
    const { cache, cacheBytesPerToken, queueLimit, order, maxWaitFactor, tenantWeight, tenantLimit, predictsWaits } =
      this.#options;
    this.#table = cache === 'slots' ? new SlotTable() : new TokenTable(cacheBytesPerToken);
    this.#queue = new WaitingQueue({
      limit: queueLimit,
      order,
      maxWaitFactor,
      hasReservations: cache === 'tokens',
      weightOf: tenantWeight,
    });
    this.#limits = new TenantLimits(tenantLimit);
    this.#outlook = predictsWaits ? new ServiceOutlook() : undefined;
  }

  get epoch(): number {
    return this.#table.epoch;
  }

  get cache(): 'slots' | 'tokens' {
    return this.#options.cache;
  }

  /** Jobs that wait, those that lost their chain included. */
  get queueLength(): number {
    return this.#queue.length;
  }

  get queueLimit(): number {
    return this.#queue.limit;
  }

  get runningCount(): number {
    return this.#jobs.size - this.#queue.length;
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
    return this.#table.isServerIdle(serverId);
  }

  /** When the oldest waiting job arrived, or undefined. */
  oldestArrivalMs(): number | undefined {
    return this.#queue.oldestArrivalMs();
  }

  /** A new job: assigned at once, queued (no effect), or rejected. */
  arrive(job: Job, nowMs: number): readonly SchedulingEffect[] {
    invariant(!this.#jobs.has(job.id), 'a job arrives once');
    const expired = this.advance(nowMs);
    return expired.length === 0 ? this.#place(job, nowMs) : [...expired, ...this.#place(job, nowMs)];
  }

  #place(job: Job, nowMs: number): readonly SchedulingEffect[] {
    this.counts.arrived += 1;
    if (!this.#isAccepting) return this.#reject(job, 'draining');
    if (this.#table.chains.length === 0) return this.#reject(job, 'no_capacity');
    if (job.deadlineMs !== undefined && job.deadlineMs <= nowMs) return this.#expireAtOnce(job);
    if ((job.tokens ?? 1) > this.#table.largestJob) return this.#reject(job, 'too_large');
    const limitedMs = this.#limits.whyNot([job], nowMs);
    if (limitedMs !== undefined) return this.#reject(job, 'rate_limited', limitedMs);
    // Nobody overtakes who waits already, but for what the queue's order allows.
    const state = pickFastestFreeChain(this.#table, job.tokens ?? 1);
    if (this.#queue.length === 0 && state !== undefined)
      return [this.#assign(job, this.#limits.took(job, nowMs), state, nowMs, nowMs)];
    if (this.#queue.isFull) return this.#reject(job, 'queue_full', this.#predictMs(job, nowMs));
    const predictedMs = this.#predictMs(job, nowMs);
    if (state === undefined && this.#outlook?.isTooLate(job, predictedMs, nowMs))
      return this.#expireAtOnce(job, predictedMs);
    const account = this.#limits.took(job, nowMs);
    this.#jobs.set(job.id, this.#queue.add({ job, arrivedMs: nowMs, predictedMs, account, isDisplaced: false }));
    // By slots nothing fits while anybody waits; by tokens this job may, where the next one does not.
    return this.#options.cache === 'slots' ? NOTHING : this.#startWaiting(nowMs);
  }

  /**
   * Whether these jobs of one tenant would all be assigned or queued, were they to arrive now one after
   * another: the way to admit several together or none. Undefined when they would. O(chains + jobs overdue).
   */
  whyNotTogether(jobs: readonly Job[], nowMs: number): Refusal | undefined {
    if (!this.#isAccepting || this.#table.chains.length === 0) return undefined; // each is then rejected for the same reason
    const limitedMs = this.#limits.whyNot(jobs, nowMs);
    if (limitedMs !== undefined) return refusal('rate_limited', limitedMs);
    const { displaced, others: waiting } = this.#queue.countInTime(nowMs);
    const startable = waiting + displaced > 0 ? 0 : this.#table.countStartable(jobs.map((each) => each.tokens ?? 1));
    if (jobs.length <= startable + this.#queue.limit - waiting) return undefined;
    const [first] = jobs;
    return refusal('queue_full', first === undefined ? undefined : this.#predictMs(first, nowMs));
  }

  /** A job's owner is done with it, whether it ran or still waited. */
  complete(jobId: string, outcome: CompletionOutcome, nowMs: number): readonly SchedulingEffect[] {
    this.counts[outcome] += 1;
    const known = this.#jobs.get(jobId);
    invariant(known !== undefined, 'a job completes once, and only if it arrived');
    if (known.isRunning) {
      this.#stop(known);
      this.#jobs.delete(jobId);
      this.#limits.ended(known.account);
      if (outcome === 'completed') this.#outlook?.observe(known, nowMs);
    } else {
      this.#drop(known);
    }
    return this.#startWaiting(nowMs);
  }

  /**
   * A running job goes on over other hops, which need not be a chain of the plan: it frees the old ones and
   * takes the new ones at once, before anybody who waits. Undefined, and nothing changed: a server lacks room.
   */
  moveJob(jobId: string, chain: Chain, nowMs: number): readonly SchedulingEffect[] | undefined {
    const running = this.#jobs.get(jobId);
    invariant(running?.isRunning === true, 'only a running job moves');
    const state = this.#table.move(running.state, chain, running.job.tokens ?? 1);
    if (state === undefined) return undefined;
    running.state = state;
    this.#outlook?.moved(running);
    return this.#startWaiting(nowMs);
  }

  /**
   * A running job lost its chain: it gives everything back and waits for a chain of the plan, ahead of
   * all jobs that have not run yet, until `deadlineMs`. It may be assigned at once.
   */
  displace(jobId: string, deadlineMs: number, nowMs: number): readonly SchedulingEffect[] {
    const running = this.#jobs.get(jobId);
    invariant(running?.isRunning === true, 'only a running job is displaced');
    this.#stop(running);
    const { account } = running;
    const job = { ...running.job, deadlineMs };
    this.#jobs.set(
      jobId,
      this.#queue.add({ job, arrivedMs: nowMs, predictedMs: undefined, account, isDisplaced: true }),
    );
    return this.#startWaiting(nowMs);
  }

  /** Blocks for which a server has cache for this running job, beside what all jobs hold; without a job, for a smallest one. */
  freeSlotsAt(serverId: string, jobId?: string): number {
    const known = jobId === undefined ? undefined : this.#jobs.get(jobId);
    return this.#table.freeBlocksAt(serverId, known?.isRunning === true ? (known.job.tokens ?? 1) : 1);
  }

  /** A server tells how much of its cache is free, bytes >= 0. Counts with `cache: tokens` only. */
  reportFreeCache(serverId: string, freeBytes: number, nowMs: number): readonly SchedulingEffect[] {
    this.#table.reportFree(serverId, freeBytes);
    return this.#startWaiting(nowMs);
  }

  /** A server refused cache that was free by this account: no new jobs there until it reports. */
  reportFullCache(serverId: string): void {
    this.#table.reportFull(serverId);
  }

  /** Time has passed: jobs whose deadline is over leave the queue, and those that they held back may start. */
  advance(nowMs: number): readonly SchedulingEffect[] {
    return this.#queue.overdue(nowMs) === undefined ? NOTHING : this.#startWaiting(nowMs);
  }

  #expire(nowMs: number): readonly SchedulingEffect[] {
    let effects: SchedulingEffect[] | undefined;
    for (let late = this.#queue.overdue(nowMs); late !== undefined; late = this.#queue.overdue(nowMs)) {
      const { job, arrivedMs } = late;
      this.#drop(late);
      this.counts.expired += 1;
      effects ??= [];
      effects.push({ kind: 'expired', jobId: job.id, queuedMs: nowMs - arrivedMs });
    }
    return effects ?? NOTHING;
  }

  /** New chains to dispatch on. Running jobs keep their chain and their epoch; waiting jobs may start. */
  adoptPlan(plan: DispatchPlan, nowMs: number): readonly SchedulingEffect[] {
    this.#table.adopt(plan);
    this.#outlook?.replanned(this.#running());
    return this.#startWaiting(nowMs);
  }

  /** No new jobs from now on; those that wait or run go on. */
  stopAccepting(): void {
    this.#isAccepting = false;
  }

  /** When `advance` has something to do next, or undefined. */
  nextDeadlineMs(): number | undefined {
    return this.#queue.nextDeadlineMs();
  }

  /** Epoch in which a running job started. */
  epochOf(jobId: string): number | undefined {
    const known = this.#jobs.get(jobId);
    return known?.isRunning === true ? known.epoch : undefined;
  }

  /** Chains may have room again: whoever is next starts, and smaller jobs where the next one does not fit. */
  #startWaiting(nowMs: number): readonly SchedulingEffect[] {
    const expired = this.#expire(nowMs);
    let effects: SchedulingEffect[] | undefined = expired.length === 0 ? undefined : [...expired];
    for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
      let next = head;
      let state = pickFastestFreeChain(this.#table, head.tokens);
      if (state !== undefined) {
        this.#queue.startHead(head);
      } else {
        const smallest = head.overtakes < this.#options.maxOvertakes ? this.#queue.smallest() : undefined;
        if (smallest === undefined || smallest.tokens >= head.tokens) break;
        state = pickFastestFreeChain(this.#table, smallest.tokens);
        if (state === undefined) break;
        this.#queue.startBefore(head, smallest);
        next = smallest;
      }
      effects ??= [];
      effects.push(this.#assign(next.job, next.account, state, next.arrivedMs, nowMs, next.predictedMs));
    }
    return effects ?? NOTHING;
  }

  #assign(
    job: Job,
    account: TenantAccount | undefined,
    state: ChainState,
    arrivedMs: number,
    nowMs: number,
    predictedMs?: number,
  ): SchedulingEffect {
    invariant(nowMs >= arrivedMs, 'a job starts no earlier than it arrives');
    this.#table.acquire(state, job.tokens ?? 1);
    const epoch = this.#table.epoch;
    const running = { isRunning: true, job, state, epoch, account, startedMs: nowMs, sampled: notSampled() } as const;
    this.#jobs.set(job.id, running);
    this.#outlook?.started(running);
    const effect = { kind: 'assigned', jobId: job.id, chain: state.chain, epoch, queuedMs: nowMs - arrivedMs } as const;
    if (predictedMs === undefined || nowMs === arrivedMs) return effect;
    this.#outlook?.waited(job, predictedMs, effect.queuedMs);
    return { ...effect, predictedMs };
  }

  #stop(running: RunningJob): void {
    this.#outlook?.stopped(running);
    this.#table.release(running.state, running.job.tokens ?? 1);
  }

  #drop(waiting: WaitingJob): void {
    this.#queue.remove(waiting);
    this.#jobs.delete(waiting.job.id);
    this.#limits.ended(waiting.account);
  }

  #predictMs(job: Job, nowMs: number): number | undefined {
    return this.#outlook?.predictMs(() => this.#running(), job, this.#queue.ahead(job, job.size ?? 1), nowMs);
  }

  *#running(): Generator<RunningJob> {
    for (const known of this.#jobs.values()) if (known.isRunning) yield known;
  }

  #expireAtOnce(job: Job, predictedMs?: number): readonly SchedulingEffect[] {
    this.counts.expired += 1;
    return [{ kind: 'expired', jobId: job.id, queuedMs: 0, ...(predictedMs !== undefined && { predictedMs }) }];
  }

  #reject(job: Job, reason: RejectionReason, retryAfterMs?: number): readonly SchedulingEffect[] {
    this.counts.rejected += 1;
    return [{ kind: 'rejected', jobId: job.id, ...refusal(reason, retryAfterMs) }];
  }
}
