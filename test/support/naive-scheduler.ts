import type { Chain } from '../../src/domain/model/chain.ts';
import type { CompletionOutcome, Job } from '../../src/domain/model/job.ts';
import type { DispatchPlan } from '../../src/domain/scheduling/cache-table.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';

interface Waiting {
  readonly job: Job;
  readonly arrivedMs: number;
  overtakes: number;
}

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
  queue: Waiting[] = [];
  /** Jobs that lost their chain: they go before the queue. */
  displaced: Waiting[] = [];
  readonly #byTokens: { readonly maxOvertakes: number } | undefined;
  #plan: DispatchPlan = { epoch: 0, chains: [], serverSlots: new Map() };
  readonly #queueLimit: number;

  /** @param byTokens jobs reserve their own tokens; without it each takes a slot */
  constructor(queueLimit: number, byTokens?: { readonly maxOvertakes: number }) {
    this.#queueLimit = queueLimit;
    this.#byTokens = byTokens;
  }

  arrive(job: Job, nowMs: number): SchedulingEffect[] {
    const effects = this.advance(nowMs);
    if (this.#plan.chains.length === 0) return [...effects, { kind: 'rejected', jobId: job.id, reason: 'no_capacity' }];
    if (job.deadlineMs !== undefined && job.deadlineMs <= nowMs)
      return [...effects, { kind: 'expired', jobId: job.id, queuedMs: 0 }];
    if (this.#byTokens !== undefined && !this.#plan.chains.some((chain) => this.#fits(chain, job, [])))
      return [...effects, { kind: 'rejected', jobId: job.id, reason: 'too_large' }];
    const chain = this.queue.length + this.displaced.length === 0 ? this.#fastestFree(job) : undefined;
    if (chain !== undefined) {
      this.running.push({ job, chain });
      return [...effects, { kind: 'assigned', jobId: job.id, chain, epoch: this.#plan.epoch, queuedMs: 0 }];
    }
    if (this.queue.length >= this.#queueLimit)
      return [...effects, { kind: 'rejected', jobId: job.id, reason: 'queue_full' }];
    this.queue.push({ job, arrivedMs: nowMs, overtakes: 0 });
    return [...effects, ...this.#startWaiting(nowMs)];
  }

  complete(jobId: string, _outcome: CompletionOutcome, nowMs: number): SchedulingEffect[] {
    this.running = this.running.filter(({ job }) => job.id !== jobId);
    this.queue = this.queue.filter(({ job }) => job.id !== jobId);
    this.displaced = this.displaced.filter(({ job }) => job.id !== jobId);
    return this.#startWaiting(nowMs);
  }

  displace(jobId: string, deadlineMs: number, nowMs: number): SchedulingEffect[] {
    const { job } = this.running.find((running) => running.job.id === jobId) as Running;
    this.running = this.running.filter((running) => running.job !== job);
    this.displaced.push({ job: { ...job, deadlineMs }, arrivedMs: nowMs, overtakes: 0 });
    return this.#startWaiting(nowMs);
  }

  moveJob(jobId: string, chain: Chain, nowMs: number): SchedulingEffect[] | undefined {
    const index = this.running.findIndex(({ job }) => job.id === jobId);
    const before = this.running[index] as Running;
    this.running[index] = { job: before.job, chain };
    if (chain.hops.some(({ serverId }) => usedAt(serverId, this.running, this.#cost) > this.#limit(serverId))) {
      this.running[index] = before;
      return undefined;
    }
    return this.#startWaiting(nowMs);
  }

  advance(nowMs: number): SchedulingEffect[] {
    return this.#startWaiting(nowMs);
  }

  #expire(nowMs: number): SchedulingEffect[] {
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
    const effects = this.#expire(nowMs);
    for (;;) {
      const head = this.displaced[0] ?? this.queue[0];
      if (head === undefined) return effects;
      let next = head;
      let chain = this.#fastestFree(head.job);
      if (chain === undefined) {
        const smaller = this.#smallest();
        if (this.#byTokens === undefined || head.overtakes >= this.#byTokens.maxOvertakes) return effects;
        if (this.#cost(smaller.job) >= this.#cost(head.job)) return effects;
        chain = this.#fastestFree(smaller.job);
        if (chain === undefined) return effects;
        head.overtakes += 1;
        next = smaller;
      }
      this.queue = this.queue.filter((waiting) => waiting !== next);
      this.displaced = this.displaced.filter((waiting) => waiting !== next);
      this.running.push({ job: next.job, chain });
      const queuedMs = nowMs - next.arrivedMs;
      effects.push({ kind: 'assigned', jobId: next.job.id, chain, epoch: this.#plan.epoch, queuedMs });
    }
  }

  /** Of equal ones the first that came to wait. */
  #smallest(): Waiting {
    const all = [...this.queue, ...this.displaced].sort((a, b) => a.arrivedMs - b.arrivedMs);
    return all.reduce((least, waiting) => (this.#cost(waiting.job) < this.#cost(least.job) ? waiting : least));
  }

  #fastestFree(job: Job): Chain | undefined {
    return this.#plan.chains.find((chain) => {
      const busy = this.running.filter((running) => running.chain.id === chain.id).length;
      return (this.#byTokens !== undefined || busy < chain.slots) && this.#fits(chain, job, this.running);
    });
  }

  #fits(chain: Chain, job: Job, running: readonly Running[]): boolean {
    const withIt = [...running, { job, chain }];
    return chain.hops.every(({ serverId }) => usedAt(serverId, withIt, this.#cost) <= this.#limit(serverId));
  }

  /** What a job takes of each block's cache. */
  readonly #cost = (job: Job): number => (this.#byTokens === undefined ? 1 : (job.tokens ?? 1));

  #limit(serverId: string): number {
    const limits = this.#byTokens === undefined ? this.#plan.serverSlots : this.#plan.serverCacheBytes;
    return limits?.get(serverId) ?? Number.POSITIVE_INFINITY;
  }
}

/** Cache of a server that jobs hold. */
function usedAt(serverId: string, running: readonly Running[], cost: (job: Job) => number): number {
  let used = 0;
  for (const { job, chain } of running)
    for (const hop of chain.hops) if (hop.serverId === serverId) used += cost(job) * hop.blockCount;
  return used;
}
