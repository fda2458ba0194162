import type { Chain } from '../../domain/model/chain.ts';
import type { CompletionOutcome, Job, RejectionReason } from '../../domain/model/job.ts';
import type { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import type { DispatchPlan } from '../../domain/scheduling/cache-table.ts';
import type { SchedulingEffect } from '../../domain/scheduling/effects.ts';
import type { Scheduler } from '../../domain/scheduling/scheduler.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { invariant } from '../../domain/shared/invariant.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** A slot of a chain, held until `release`. */
export interface Ticket {
  readonly jobId: string;
  /** Where it runs now: changed by `moveTo` and `waitAgain`. */
  readonly chain: Chain;
  readonly epoch: number;
  readonly queuedMs: number;
  /**
   * Goes on over other hops: frees the old ones and takes these in one go, ahead of everybody who waits.
   * False, and nothing changed: a server lacks room, or the ticket was released.
   */
  moveTo(chain: Chain): boolean;
  /**
   * Gives the slot back and waits for one of the plan's chains, ahead of all jobs that have not run yet.
   * @throws DispatcherError DSP_DEADLINE_EXCEEDED when none came in time: the ticket is then released;
   *   DSP_CANCELLED when it is released meanwhile
   */
  waitAgain(deadlineMs: number): Promise<void>;
  /** Gives the slot back. The first call counts; later ones do nothing. */
  release(outcome: CompletionOutcome): void;
}

type Assignment = SchedulingEffect & { readonly kind: 'assigned' };

interface PendingJob {
  resolve(assignment: Assignment): void;
  reject(error: DispatcherError): void;
}

/** Who is told of the scheduler's decisions. */
export type DispatchObserver = Pick<Telemetry, 'dispatchDecided' | 'waitEnded'>;

/**
 * Runs the scheduler in real time: stamps events with the clock, keeps one timer for the next
 * deadline, and turns effects into settled promises. All decisions are the scheduler's.
 */
export class JobDispatcher {
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #arrivals: ArrivalRate;
  readonly #observer: DispatchObserver | undefined;
  readonly #pending = new Map<string, PendingJob>();
  #cancelTimer: (() => void) | undefined;
  #onRelease: () => void = () => undefined;
  #timerMs = Number.POSITIVE_INFINITY;

  /** @param arrivals told of every job */
  constructor(scheduler: Scheduler, clock: Clock, arrivals: ArrivalRate, observer?: DispatchObserver) {
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.#arrivals = arrivals;
    this.#observer = observer;
  }

  /**
   * Lets jobs arrive together: all of them are admitted, or none. Each promise settles when its job
   * has a slot, is rejected or expires; if `signal` aborts first, the job leaves the queue.
   * @throws DispatcherError DSP_QUEUE_FULL when not all have room, DSP_RATE_LIMITED, DSP_CANCELLED; the
   *   promises reject with these and DSP_NO_CAPACITY, DSP_DRAINING, DSP_DEADLINE_EXCEEDED
   */
  acquireTogether(jobs: readonly Job[], signal: AbortSignal): readonly Promise<Ticket>[] {
    if (signal.aborted) throw cancelled();
    const refusal = jobs.length > 1 ? this.#scheduler.whyNotTogether(jobs, this.#clock.nowMs()) : undefined;
    if (refusal !== undefined) throw rejection(refusal.reason, refusal.retryAfterMs);
    return jobs.map((job) => this.acquire(job, signal));
  }

  /** One job; as `acquireTogether`. */
  async acquire(job: Job, signal: AbortSignal): Promise<Ticket> {
    if (signal.aborted) throw cancelled();
    const { promise, resolve, reject } = Promise.withResolvers<Ticket>();
    this.#pending.set(job.id, { resolve: (assignment) => resolve(this.#ticket(assignment)), reject });
    const startedMs = this.#clock.nowMs();
    this.#arrivals.arrived(startedMs, job.tokens);
    const effects = this.#scheduler.arrive(job, startedMs);
    this.#observer?.dispatchDecided((this.#clock.nowMs() - startedMs) / 1000);
    this.#carryOut(effects);
    if (!this.#pending.has(job.id)) return promise;
    const leaveQueue = (): void => {
      if (!this.#pending.delete(job.id)) return;
      reject(cancelled());
      this.#carryOut(this.#scheduler.complete(job.id, 'cancelled', this.#clock.nowMs()));
    };
    signal.addEventListener('abort', leaveQueue, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', leaveQueue));
  }

  /** New chains to dispatch on; waiting jobs may start at once. */
  adoptPlan(plan: DispatchPlan): void {
    this.#carryOut(this.#scheduler.adoptPlan(plan, this.#clock.nowMs()));
  }

  /** Names who is told after every slot that was given back. One listener. */
  whenReleased(listener: () => void): void {
    this.#onRelease = listener;
  }

  /** Blocks for which a server has cache for this running job, beside what all jobs hold. */
  freeSlotsAt(serverId: string, jobId?: string): number {
    return this.#scheduler.freeSlotsAt(serverId, jobId);
  }

  /** A server tells how much of its cache is free, bytes. */
  reportFreeCache(serverId: string, freeBytes: number): void {
    this.#carryOut(this.#scheduler.reportFreeCache(serverId, freeBytes, this.#clock.nowMs()));
  }

  /** A server refused cache that was free by the dispatcher's account. */
  reportFullCache(serverId: string): void {
    this.#scheduler.reportFullCache(serverId);
  }

  /** Whether no running job uses the server. */
  isServerIdle(serverId: string): boolean {
    return this.#scheduler.isServerIdle(serverId);
  }

  /** No new jobs from now on. */
  stopAccepting(): void {
    this.#scheduler.stopAccepting();
  }

  /** Stops the timer; for the end of the process and of tests. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #carryOut(effects: readonly SchedulingEffect[]): void {
    for (const effect of effects) {
      const pending = this.#pending.get(effect.jobId);
      invariant(pending !== undefined, 'an effect concerns a job that waits');
      this.#pending.delete(effect.jobId);
      if (effect.kind === 'assigned') {
        if (effect.predictedMs !== undefined)
          this.#observer?.waitEnded(effect.predictedMs / 1000, effect.queuedMs / 1000);
        pending.resolve(effect);
      } else if (effect.kind === 'rejected') pending.reject(rejection(effect.reason, effect.retryAfterMs));
      else pending.reject(expired(effect.queuedMs, effect.predictedMs));
    }
    this.#arm();
  }

  #ticket({ jobId, chain, epoch, queuedMs }: Assignment): Ticket {
    let isHeld = true;
    const ticket = {
      jobId,
      chain,
      epoch,
      queuedMs,
      moveTo: (to: Chain): boolean => {
        const effects = isHeld ? this.#scheduler.moveJob(jobId, to, this.#clock.nowMs()) : undefined;
        if (effects === undefined) return false;
        ticket.chain = to;
        this.#carryOut(effects);
        this.#onRelease();
        return true;
      },
      waitAgain: (deadlineMs: number): Promise<void> => {
        if (!isHeld) return Promise.reject(cancelled());
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.#pending.set(jobId, {
          resolve: (assignment) => {
            ticket.chain = assignment.chain;
            ticket.epoch = assignment.epoch;
            resolve();
          },
          reject: (error) => {
            isHeld = false;
            reject(error);
          },
        });
        this.#carryOut(this.#scheduler.displace(jobId, deadlineMs, this.#clock.nowMs()));
        this.#onRelease();
        return promise;
      },
      release: (outcome: CompletionOutcome): void => {
        if (!isHeld) return;
        isHeld = false;
        this.#pending.get(jobId)?.reject(cancelled());
        this.#pending.delete(jobId);
        this.#carryOut(this.#scheduler.complete(jobId, outcome, this.#clock.nowMs()));
        this.#onRelease();
      },
    };
    return ticket;
  }

  /** One timer, for the earliest deadline. */
  #arm(): void {
    const next = this.#scheduler.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
    if (next === this.#timerMs) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerMs = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.setTimer(Math.max(0, next - this.#clock.nowMs()), () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#carryOut(this.#scheduler.advance(this.#clock.nowMs()));
    });
  }
}

function cancelled(): DispatcherError {
  return new DispatcherError('DSP_CANCELLED', 'the client left before the request had its turn');
}

function expired(queuedMs: number, predictedMs: number | undefined): DispatcherError {
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  return new DispatcherError(
    'DSP_DEADLINE_EXCEEDED',
    predictedMs === undefined
      ? `the request's deadline passed after ${seconds(queuedMs)} s in the queue`
      : `the request would wait for about ${seconds(predictedMs)} s, beyond its deadline: give it more time or try later`,
  );
}

/** @param retryAfterMs what the scheduler predicts; undefined where it predicts nothing */
function rejection(reason: RejectionReason, retryAfterMs: number | undefined): DispatcherError {
  switch (reason) {
    case 'queue_full':
      return new DispatcherError('DSP_QUEUE_FULL', 'the queue is full: try again later', {
        retryAfterMs: retryAfterMs ?? 1_000,
      });
    case 'too_large':
      return new DispatcherError(
        'DSP_CONTEXT_TOO_LONG',
        'no chain of servers has cache for so long a request now: shorten the prompt or lower max_tokens',
        { param: 'max_tokens' },
      );
    case 'rate_limited':
      return new DispatcherError('DSP_RATE_LIMITED', 'this tenant is over its limit of requests or tokens: slow down', {
        retryAfterMs: retryAfterMs ?? 1_000,
      });
    case 'no_capacity':
      return new DispatcherError('DSP_NO_CAPACITY', 'no chain of servers covers the model now; /readyz tells why', {
        retryAfterMs: 2_000,
      });
    case 'draining':
      return new DispatcherError('DSP_DRAINING', 'this dispatcher is shutting down', { retryAfterMs: 5_000 });
  }
}
