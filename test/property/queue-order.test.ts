import { expect, test } from 'vitest';
import { type Chain, chainId } from '../../src/domain/model/chain.ts';
import { type Job, PRIORITIES, type Priority } from '../../src/domain/model/job.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { SchedulerOptions } from '../../src/domain/scheduling/scheduler-options.ts';
import { CLASS_PATIENCE } from '../../src/domain/scheduling/waiting-queue.ts';
import { createRng, type Rng } from '../../src/domain/shared/rng.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_124);
const HOPS = [{ serverId: 's', firstBlock: 0, blockCount: 1 }];

const chainOf = (slots: number): Chain => ({ id: chainId(HOPS), hops: HOPS, slots, serviceSeconds: 1 });

/** One chain, whose jobs end in the order they started, one after another. */
class OneChain {
  readonly scheduler: Scheduler;
  /** Ids in the order they started. */
  readonly started: string[] = [];
  readonly #jobs = new Map<string, Job>();
  readonly #running: string[] = [];
  nowMs = 0;

  constructor(options: Partial<SchedulerOptions>, slots = 1) {
    this.scheduler = new Scheduler({ queueLimit: 100_000, ...options });
    this.scheduler.adoptPlan({ epoch: 1, chains: [chainOf(slots)], serverSlots: new Map() }, 0);
  }

  job(id: string): Job {
    return this.#jobs.get(id) as Job;
  }

  arrive(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#note(this.scheduler.arrive(job, this.nowMs));
  }

  /** The job that has run longest ends. */
  endOne(): void {
    const id = this.#running.shift();
    if (id === undefined) return;
    this.nowMs += 1000 * (this.job(id).size ?? 1);
    this.#note(this.scheduler.complete(id, 'completed', this.nowMs));
  }

  #note(effects: readonly { kind: string; jobId: string }[]): void {
    for (const { kind, jobId } of effects) {
      if (kind !== 'assigned') continue;
      this.started.push(jobId);
      this.#running.push(jobId);
    }
  }
}

/** Mostly short jobs, some very long. */
function skewedSize(rng: Rng): number {
  return 0.05 + 10 * rng.next() ** 4;
}

test('shortest first starts no job after more work than the set multiple of what waited when it came, and one job more', () => {
  const rng = createRng(SEED, 'ageing');
  let overtaken = 0;
  for (const maxWaitFactor of [1.5, 3, 8]) {
    for (let round = 0; round < 20; round += 1) {
      const one = new OneChain({ order: 'shortest', maxWaitFactor });
      const before = new Map<string, { startedAtArrival: number; waitingWork: number }>();
      const waiting = new Set<string>();
      let arrived = 0;
      let seen = 0;
      const startedWork = (until: number): number =>
        one.started.slice(0, until).reduce((sum, id) => sum + (one.job(id).size ?? 1), 0);
      const check = (): void => {
        for (; seen < one.started.length; seen += 1) {
          const id = one.started[seen] as string;
          waiting.delete(id);
          const memory = before.get(id);
          if (memory === undefined) continue;
          const between = startedWork(seen) - startedWork(memory.startedAtArrival);
          const largest = Math.max(...one.started.slice(0, seen).map((other) => one.job(other).size ?? 1));
          expect(between, `${id}, seed ${SEED}`).toBeLessThanOrEqual(
            maxWaitFactor * memory.waitingWork + largest + 1e-9,
          );
          if (between > memory.waitingWork) overtaken += 1;
        }
      };
      for (let step = 0; step < 300; step += 1) {
        if (rng.next() < (step < 150 ? 0.7 : 0.45)) {
          const job: Job = { id: `j${arrived}`, deadlineMs: undefined, size: skewedSize(rng) };
          arrived += 1;
          const waitingWork = [...waiting].reduce((sum, id) => sum + (one.job(id).size ?? 1), 0) + (job.size ?? 1);
          const startedAtArrival = one.started.length;
          waiting.add(job.id);
          one.arrive(job);
          if (one.started.length === startedAtArrival) before.set(job.id, { startedAtArrival, waitingWork });
        } else {
          one.endOne();
        }
        check();
      }
      while (waiting.size > 0) {
        one.endOne();
        check();
      }
    }
  }
  // The order is not first in, first out in disguise.
  expect(overtaken).toBeGreaterThan(200);
});

test('shortest first keeps a long job waiting while short ones come, and not for ever', () => {
  const one = new OneChain({ order: 'shortest', maxWaitFactor: 5 });
  one.arrive({ id: 'first', deadlineMs: undefined, size: 1 });
  one.arrive({ id: 'long', deadlineMs: undefined, size: 10 });
  for (let i = 0; i < 200; i += 1) {
    one.arrive({ id: `short-${i}`, deadlineMs: undefined, size: 1 });
    one.endOne();
  }
  const at = one.started.indexOf('long');
  expect(at).toBeGreaterThan(30);
  expect(at).toBeLessThanOrEqual(52);
});

test('tenants that wait together differ by no more than one request of each, over their weights', () => {
  const rng = createRng(SEED, 'shares');
  for (let round = 0; round < 40; round += 1) {
    const weights = Array.from({ length: 2 + Math.floor(rng.next() * 4) }, () => 0.5 + 4 * rng.next());
    const one = new OneChain({ tenantWeight: (tenant) => weights[Number(tenant)] as number }, 2);
    const largest = weights.map(() => 0);
    weights.forEach((_, tenant) => {
      for (let i = 0; i < 400; i += 1) {
        const tokens = 1 + Math.floor(rng.next() * (tenant === 0 ? 1000 : 100));
        largest[tenant] = Math.max(largest[tenant] as number, tokens);
        one.arrive({ id: `${tenant}-${i}`, deadlineMs: undefined, tenant: String(tenant), tokens });
      }
    });
    const served = weights.map(() => 0);
    // The first two came before anybody waited: they had no share to keep to.
    const first = one.started.length;
    for (let step = 0; step < 300; step += 1) {
      one.endOne();
      const id = one.started.at(-1) as string;
      const tenant = Number(one.job(id).tenant);
      if (one.started.length <= first) continue;
      served[tenant] = (served[tenant] as number) + (one.job(id).tokens ?? 1);
      for (let a = 0; a < weights.length; a += 1) {
        for (let b = 0; b < a; b += 1) {
          const share = (t: number): number => (served[t] as number) / (weights[t] as number);
          const slack = (t: number): number => (largest[t] as number) / (weights[t] as number);
          expect(Math.abs(share(a) - share(b))).toBeLessThanOrEqual(slack(a) + slack(b) + 1e-9);
        }
      }
    }
  }
});

test('a higher class goes first, and none that waits lets more than a bounded number go before its turn', () => {
  const one = new OneChain({});
  for (let i = 0; i < 300; i += 1)
    for (const priority of ['low', 'normal', 'high'] as const)
      one.arrive({ id: `${priority}-${i}`, deadlineMs: undefined, priority });
  for (let i = 0; i < 250; i += 1) one.endOne();
  const classes = one.started.slice(1).map((id) => one.job(id).priority as Priority);
  const counts = PRIORITIES.map((priority) => classes.filter((other) => other === priority).length);
  expect(counts[0]).toBeGreaterThan(0.7 * classes.length);
  for (const priority of ['normal', 'low'] as const) {
    let before = 0;
    for (const other of classes) {
      if (other === priority) before = 0;
      else if (PRIORITIES.indexOf(other) < PRIORITIES.indexOf(priority)) before += 1;
      expect(before).toBeLessThanOrEqual(CLASS_PATIENCE);
    }
  }
});

test('within a tenant and a class, deadlines that clients named go first, the nearest first', () => {
  for (const order of ['fifo', 'shortest'] as const) {
    const one = new OneChain({ order, maxWaitFactor: 1000 });
    one.arrive({ id: 'running', deadlineMs: undefined });
    one.arrive({ id: 'plain', deadlineMs: 100_000, size: 0.1 });
    one.arrive({ id: 'later', deadlineMs: 90_000, isUrgent: true });
    one.arrive({ id: 'sooner', deadlineMs: 80_000, isUrgent: true });
    one.arrive({ id: 'low', deadlineMs: 10_000, isUrgent: true, priority: 'low' });
    for (let i = 0; i < 4; i += 1) one.endOne();
    expect(one.started).toEqual(['running', 'sooner', 'later', 'plain', 'low']);
  }
});

test('deadlines that keep coming hold back who named none for a bounded time only', () => {
  const one = new OneChain({ maxWaitFactor: 4 });
  one.arrive({ id: 'running', deadlineMs: undefined });
  one.arrive({ id: 'patient', deadlineMs: undefined });
  for (let i = 0; i < 50; i += 1) {
    one.arrive({ id: `urgent-${i}`, deadlineMs: 1e9, isUrgent: true });
    one.endOne();
  }
  expect(one.started.indexOf('patient')).toBeGreaterThan(1);
  expect(one.started.indexOf('patient')).toBeLessThanOrEqual(5);
});
