import type { Clock } from '../../src/application/ports/clock.ts';
import type { Chain } from '../../src/domain/model/chain.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { Rng } from '../../src/domain/shared/rng.ts';

interface FlowingJob {
  readonly arrivedMs: number;
  /** Service time as a multiple of its chain's mean: exponential. */
  readonly size: number;
}

interface RunningJob extends FlowingJob {
  readonly chain: Chain;
  readonly cancelEnd: () => void;
}

/**
 * Jobs on the product's own scheduler, in simulated time. A job that finds no chain waits for one; a job
 * that loses a server begins anew, and its response time goes on.
 */
export class JobFlow {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #scheduler = new Scheduler({ queueLimit: 1_000_000 });
  readonly #waiting = new Map<string, FlowingJob>();
  readonly #running = new Map<string, RunningJob>();
  /** Refused for want of any chain. */
  #stranded: FlowingJob[] = [];
  #epoch = 0;
  #nextId = 0;
  completed = 0;
  restarted = 0;
  #responseMs = 0;

  constructor(clock: Clock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
  }

  get meanResponseSeconds(): number {
    return this.#responseMs / 1000 / Math.max(1, this.completed);
  }

  /** Jobs that arrived and are not done. */
  get unfinished(): number {
    return this.#waiting.size + this.#running.size + this.#stranded.length;
  }

  arrive(): void {
    this.#start({ arrivedMs: this.#clock.nowMs(), size: -Math.log(1 - this.#rng.next()) });
  }

  adopt(chains: readonly Chain[], serverSlots: ReadonlyMap<string, number>): void {
    this.#epoch += 1;
    this.#carryOut(this.#scheduler.adoptPlan({ epoch: this.#epoch, chains, serverSlots }, this.#clock.nowMs()));
    if (chains.length === 0) return;
    const stranded = this.#stranded;
    this.#stranded = [];
    for (const job of stranded) this.#start(job);
  }

  /** Jobs on the server begin anew elsewhere. */
  serverLost(serverId: string): void {
    for (const [id, job] of [...this.#running]) {
      if (!job.chain.hops.some((hop) => hop.serverId === serverId)) continue;
      job.cancelEnd();
      this.#running.delete(id);
      this.restarted += 1;
      this.#carryOut(this.#scheduler.complete(id, 'failed', this.#clock.nowMs()));
      this.#start(job);
    }
  }

  #start(job: FlowingJob): void {
    const id = String(this.#nextId);
    this.#nextId += 1;
    this.#waiting.set(id, { arrivedMs: job.arrivedMs, size: job.size });
    this.#carryOut(this.#scheduler.arrive({ id, deadlineMs: undefined }, this.#clock.nowMs()));
  }

  #carryOut(effects: readonly SchedulingEffect[]): void {
    for (const effect of effects) {
      const job = this.#waiting.get(effect.jobId);
      if (job === undefined) throw new Error('an effect concerns a job that waits');
      this.#waiting.delete(effect.jobId);
      if (effect.kind === 'assigned') this.#run(effect.jobId, job, effect.chain);
      else this.#stranded.push(job);
    }
  }

  #run(id: string, job: FlowingJob, chain: Chain): void {
    const cancelEnd = this.#clock.setTimer(1000 * job.size * chain.serviceSeconds, () => {
      this.#running.delete(id);
      this.completed += 1;
      this.#responseMs += this.#clock.nowMs() - job.arrivedMs;
      this.#carryOut(this.#scheduler.complete(id, 'completed', this.#clock.nowMs()));
    });
    this.#running.set(id, { ...job, chain, cancelEnd });
  }
}
