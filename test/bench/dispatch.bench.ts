import { expect, test } from 'vitest';
import { chainId } from '../../src/domain/model/chain.ts';
import type { Job } from '../../src/domain/model/job.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { SchedulerOptions } from '../../src/domain/scheduling/scheduler-options.ts';
import { createRng } from '../../src/domain/shared/rng.ts';

/**
 * What does a dispatch decision cost? One operation is two decisions: an arrival and a completion, the
 * whole bookkeeping of one job, on chains of three servers. With slots: every slot but one taken (the
 * fastest free chain is the last one looked for), and with a queue in which each completion starts a
 * waiting job. By tokens, jobs have sizes of their own, servers are shared by several chains, and the queue
 * is in the given order. Aims at 2,000 chains: above 10^6 decisions a second by slots and first in, first
 * out, above 200,000 by tokens with 10,000 waiting. Figures are read, not asserted.
 */
const options = { time: 500, iterations: 10, warmupTime: 100 };
const SESSION_TOKENS = 1000;

function busyScheduler(chains: number, queued: number): Scheduler {
  const scheduler = new Scheduler({ queueLimit: Math.max(1, queued + 1) });
  const plan = Array.from({ length: chains }, (_, k) => {
    const hops = [0, 1, 2].map((h) => ({
      serverId: `s${k}-${h}`,
      firstBlock: h * 10,
      blockCount: 10,
    }));
    return { id: chainId(hops), hops, slots: 4, serviceSeconds: 1 + k / 1000 };
  });
  scheduler.adoptPlan({ epoch: 1, chains: plan, serverSlots: new Map() }, 0);
  const running = chains * 4 - (queued > 0 ? 0 : 1);
  for (let i = 0; i < running + queued; i += 1)
    scheduler.arrive({ id: `w${i}`, deadlineMs: queued > 0 ? 1e12 : undefined }, 0);
  expect(scheduler.runningCount).toBe(running);
  expect(scheduler.queueLength).toBe(queued);
  return scheduler;
}

for (const chains of [10, 200, 2_000]) {
  test(`${chains} chains: decisions`, async ({ bench }) => {
    const free = busyScheduler(chains, 0);
    let next = 0;
    await bench(`${chains} chains, one slot free: arrive + complete`, () => {
      const id = `j${next++}`;
      free.arrive({ id, deadlineMs: undefined }, 1);
      free.complete(id, 'completed', 1);
    }).run(options);

    const full = busyScheduler(chains, 1_000);
    const running = Array.from({ length: chains * 4 }, (_, i) => `w${i}`);
    let oldest = 0;
    await bench(`${chains} chains, 1,000 waiting: complete + start the next + arrive`, () => {
      for (const effect of full.complete(running[oldest % running.length] as string, 'completed', 2)) {
        if (effect.kind === 'assigned') running[oldest % running.length] = effect.jobId;
      }
      oldest += 1;
      full.arrive({ id: `n${next++}`, deadlineMs: 1e12 }, 2);
    }).run(options);
  });
}

/** A full swarm by tokens: as many waiting jobs of all sizes as asked for, and those that run. */
class TokenLoad {
  readonly scheduler: Scheduler;
  readonly #running: string[] = [];
  readonly #queued: number;
  readonly #rng = createRng(1, 'bench');
  #next = 0;

  constructor(chains: number, queued: number, more: Partial<SchedulerOptions>) {
    this.#queued = queued;
    this.scheduler = new Scheduler({ queueLimit: queued + 10, cache: 'tokens', ...more });
    const shared = Math.max(3, Math.ceil(chains / 4));
    const plan = Array.from({ length: chains }, (_, k) => {
      const hops = [0, 1, 2].map((h) => ({
        serverId: `s${(k + h * Math.floor(k / shared + 1)) % shared}-${h}`,
        firstBlock: h * 10,
        blockCount: 10,
      }));
      return { id: chainId(hops), hops, slots: 1, serviceSeconds: 1 + k / 1000 };
    });
    const serverCacheBytes = new Map(
      plan.flatMap(({ hops }) => hops.map(({ serverId }): [string, number] => [serverId, 40 * SESSION_TOKENS])),
    );
    this.scheduler.adoptPlan({ epoch: 1, chains: plan, serverSlots: new Map(), serverCacheBytes }, 0);
    while (this.scheduler.queueLength < queued) this.#arrive();
  }

  /** One job ends, and as many come as have started. */
  step(): void {
    const at = Math.floor(this.#rng.next() * this.#running.length);
    const id = this.#running[at] as string;
    this.#running[at] = this.#running.at(-1) as string;
    this.#running.pop();
    this.#note(this.scheduler.complete(id, 'completed', 1));
    while (this.scheduler.queueLength < this.#queued) this.#arrive();
  }

  #arrive(): void {
    const tokens = 1 + Math.floor(this.#rng.next() ** 2 * (SESSION_TOKENS - 1));
    const job: Job = {
      id: `j${this.#next++}`,
      deadlineMs: 1e12,
      tokens,
      size: tokens / 300,
      tenant: `t${tokens % 7}`,
      priority: tokens % 10 === 0 ? 'high' : 'normal',
    };
    this.#note(this.scheduler.arrive(job, 1));
  }

  #note(effects: ReturnType<Scheduler['arrive']>): void {
    for (const effect of effects) if (effect.kind === 'assigned') this.#running.push(effect.jobId);
  }
}

for (const [name, more] of [
  ['fifo', {}],
  ['shortest', { order: 'shortest' }],
  ['shortest with predictions', { order: 'shortest', predictsWaits: true }],
] as const) {
  test(`2,000 chains by tokens, ${name}: decisions`, async ({ bench }) => {
    const load = new TokenLoad(2_000, 10_000, more);
    expect(load.scheduler.queueLength).toBe(10_000);
    await bench(`2,000 chains by tokens, ${name}, 10,000 waiting: complete + start + arrive`, () => load.step()).run(
      options,
    );
  });
}
