import { chainId } from '../../src/domain/model/chain.ts';
import type { Job } from '../../src/domain/model/job.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { SchedulerOptions } from '../../src/domain/scheduling/scheduler-options.ts';
import { createRng } from '../../src/domain/shared/rng.ts';

const SESSION_TOKENS = 1000;
const CHAIN_SLOTS = 4;

/**
 * A full swarm: as many waiting jobs as asked for, those that run, and one more of each step: a job ends, any of
 * those that run, and as many come as have started. By slots all jobs are alike and wait in one line; by tokens
 * they have sizes, classes and tenants, and four chains share each server.
 */
export class FullSwarm {
  readonly scheduler: Scheduler;
  /** Arrivals and ends so far. */
  decisions = 0;
  readonly #options: Partial<SchedulerOptions>;
  readonly #running: string[] = [];
  readonly #queued: number;
  readonly #rng = createRng(1, 'bench');
  #jobs = 0;
  #nowMs = 1;

  constructor(chains: number, queued: number, options: Partial<SchedulerOptions>) {
    this.#queued = queued;
    this.#options = options;
    this.scheduler = new Scheduler({ queueLimit: queued + 10, ...options });
    const columns = options.cache === 'tokens' ? Math.max(3, Math.ceil(chains / 4)) : chains;
    const plan = Array.from({ length: chains }, (_, k) => {
      const hops = [0, 1, 2].map((h) => ({
        serverId: `s${(k + h * Math.floor(k / columns + 1)) % columns}-${h}`,
        firstBlock: h * 10,
        blockCount: 10,
      }));
      return { id: chainId(hops), hops, slots: CHAIN_SLOTS, serviceSeconds: 1 + k / 1000 };
    });
    const servers = plan.flatMap(({ hops }) => hops.map(({ serverId }) => serverId));
    this.scheduler.adoptPlan(
      {
        epoch: 1,
        chains: plan,
        serverSlots: new Map(),
        serverCacheBytes: new Map(servers.map((id) => [id, 40 * SESSION_TOKENS])),
      },
      0,
    );
    while (this.scheduler.queueLength < queued) this.#arrive();
  }

  step(): void {
    this.#nowMs += 0.01;
    const at = Math.floor(this.#rng.next() * this.#running.length);
    const id = this.#running[at] as string;
    this.#running[at] = this.#running.at(-1) as string;
    this.#running.pop();
    this.decisions += 1;
    this.#note(this.scheduler.complete(id, 'completed', this.#nowMs));
    while (this.scheduler.queueLength < this.#queued) this.#arrive();
  }

  #arrive(): void {
    this.decisions += 1;
    this.#note(this.scheduler.arrive(this.#nextJob(), this.#nowMs));
  }

  #nextJob(): Job {
    const id = `j${this.#jobs}`;
    this.#jobs += 1;
    if (this.#options.cache !== 'tokens') return { id, deadlineMs: 1e12 };
    const tokens = 1 + Math.floor(this.#rng.next() ** 2 * (SESSION_TOKENS - 1));
    const priority = tokens % 10 === 0 ? 'high' : 'normal';
    return { id, deadlineMs: 1e12, tokens, size: tokens / 300, tenant: `t${tokens % 7}`, priority };
  }

  #note(effects: ReturnType<Scheduler['arrive']>): void {
    for (const effect of effects) if (effect.kind === 'assigned') this.#running.push(effect.jobId);
  }
}
