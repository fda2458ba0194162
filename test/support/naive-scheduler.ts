import type { Chain } from '../../src/domain/model/chain.ts';
import type { CompletionOutcome, Job } from '../../src/domain/model/job.ts';
import type { DispatchPlan } from '../../src/domain/scheduling/cache-table.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';

interface Running {
  readonly job: Job;
  readonly chain: Chain;
}

/**
 * The scheduler told as plainly as possible: arrays that are searched and filtered, every count taken
 * anew. Slow and obviously right; the real one must behave exactly alike.
 */
export class NaiveScheduler {
  running: Running[] = [];
  queue: { readonly job: Job; readonly arrivedMs: number }[] = [];
  /** Jobs that lost their chain: they go before the queue. */
  displaced: { readonly job: Job; readonly arrivedMs: number }[] = [];
  #plan: DispatchPlan = { epoch: 0, chains: [], serverSlots: new Map() };
  readonly #queueLimit: number;

  constructor(queueLimit: number) {
    this.#queueLimit = queueLimit;
  }

  arrive(job: Job, nowMs: number): SchedulingEffect[] {
    const effects = this.advance(nowMs);
    if (this.#plan.chains.length === 0) return [...effects, { kind: 'rejected', jobId: job.id, reason: 'no_capacity' }];
    if (job.deadlineMs !== undefined && job.deadlineMs <= nowMs)
      return [...effects, { kind: 'expired', jobId: job.id, queuedMs: 0 }];
    const chain = this.queue.length + this.displaced.length === 0 ? this.#fastestFree() : undefined;
    if (chain !== undefined) {
      this.running.push({ job, chain });
      return [...effects, { kind: 'assigned', jobId: job.id, chain, epoch: this.#plan.epoch, queuedMs: 0 }];
    }
    if (this.queue.length >= this.#queueLimit)
      return [...effects, { kind: 'rejected', jobId: job.id, reason: 'queue_full' }];
    this.queue.push({ job, arrivedMs: nowMs });
    return effects;
  }

  complete(jobId: string, _outcome: CompletionOutcome, nowMs: number): SchedulingEffect[] {
    this.running = this.running.filter(({ job }) => job.id !== jobId);
    this.queue = this.queue.filter(({ job }) => job.id !== jobId);
    this.displaced = this.displaced.filter(({ job }) => job.id !== jobId);
    return this.#startWaiting(nowMs);
  }

  displace(jobId: string, deadlineMs: number, nowMs: number): SchedulingEffect[] {
    this.running = this.running.filter(({ job }) => job.id !== jobId);
    this.displaced.push({ job: { id: jobId, deadlineMs }, arrivedMs: nowMs });
    return this.#startWaiting(nowMs);
  }

  moveJob(jobId: string, chain: Chain, nowMs: number): SchedulingEffect[] | undefined {
    const index = this.running.findIndex(({ job }) => job.id === jobId);
    const before = this.running[index] as Running;
    this.running[index] = { job: before.job, chain };
    const limit = (id: string): number => this.#plan.serverSlots.get(id) ?? Number.POSITIVE_INFINITY;
    if (chain.hops.some(({ serverId }) => this.#used(serverId) > limit(serverId))) {
      this.running[index] = before;
      return undefined;
    }
    return this.#startWaiting(nowMs);
  }

  advance(nowMs: number): SchedulingEffect[] {
    const all = [...this.queue, ...this.displaced];
    const overdue = all.filter(({ job }) => job.deadlineMs !== undefined && job.deadlineMs <= nowMs);
    this.queue = this.queue.filter((waiting) => !overdue.includes(waiting));
    this.displaced = this.displaced.filter((waiting) => !overdue.includes(waiting));
    overdue.sort((a, b) => (a.job.deadlineMs ?? 0) - (b.job.deadlineMs ?? 0));
    return overdue.map(({ job, arrivedMs }) => ({ kind: 'expired', jobId: job.id, queuedMs: nowMs - arrivedMs }));
  }

  adoptPlan(plan: DispatchPlan, nowMs: number): SchedulingEffect[] {
    this.#plan = plan;
    return this.#startWaiting(nowMs);
  }

  #startWaiting(nowMs: number): SchedulingEffect[] {
    const effects = this.advance(nowMs);
    for (let chain = this.#fastestFree(); chain !== undefined; chain = this.#fastestFree()) {
      const head = this.displaced.shift() ?? this.queue.shift();
      if (head === undefined) break;
      this.running.push({ job: head.job, chain });
      effects.push({
        kind: 'assigned',
        jobId: head.job.id,
        chain,
        epoch: this.#plan.epoch,
        queuedMs: nowMs - head.arrivedMs,
      });
    }
    return effects;
  }

  #fastestFree(): Chain | undefined {
    return this.#plan.chains.find((chain) => {
      const busy = this.running.filter((running) => running.chain.id === chain.id).length;
      return (
        busy < chain.slots &&
        chain.hops.every(
          (hop) =>
            this.#used(hop.serverId) + hop.blockCount <=
            (this.#plan.serverSlots.get(hop.serverId) ?? Number.POSITIVE_INFINITY),
        )
      );
    });
  }

  #used(serverId: string): number {
    let used = 0;
    for (const { chain } of this.running)
      for (const hop of chain.hops) if (hop.serverId === serverId) used += hop.blockCount;
    return used;
  }
}
