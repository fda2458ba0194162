import { expect, test } from 'vitest';
import type { Chain } from '../../src/domain/model/chain.ts';
import type { Job } from '../../src/domain/model/job.ts';
import type { DispatchPlan } from '../../src/domain/scheduling/cache-table.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import { createRng, type Rng } from '../../src/domain/shared/rng.ts';
import { NaiveScheduler } from '../support/naive-scheduler.ts';
import { randomLiveChains } from '../support/random-swarm.ts';

const COMMANDS = 40_000;
const QUEUE_LIMIT = 12;
const MAX_OVERTAKES = 3;
/** Tokens of the longest session: a byte of the random swarms is the cache of one token in one block. */
const SESSION_TOKENS = 10;
const SEED = Number(process.env['TEST_SEED'] ?? 20_261_124);

function pick<Item>(items: readonly Item[], rng: Rng): Item {
  return items[Math.floor(rng.next() * items.length)] as Item;
}

/** What the effects say of cache, counted apart from the scheduler. */
class CacheLedger {
  readonly running = new Map<string, { readonly job: Job; readonly chain: Chain }>();
  readonly waiting = new Map<string, Job>();

  apply(effects: readonly SchedulingEffect[]): void {
    for (const effect of effects) {
      const job = this.waiting.get(effect.jobId);
      this.waiting.delete(effect.jobId);
      if (effect.kind === 'assigned' && job !== undefined) this.running.set(effect.jobId, { job, chain: effect.chain });
    }
  }

  usedAt(serverId: string): number {
    let used = 0;
    for (const { job, chain } of this.running.values())
      for (const hop of chain.hops) if (hop.serverId === serverId) used += (job.tokens ?? 1) * hop.blockCount;
    return used;
  }

  /** Whether a job would fit some chain whole, hop by hop. */
  fitsNow(job: Job, plan: DispatchPlan): boolean {
    return plan.chains.some((chain) =>
      chain.hops.every(({ serverId, blockCount }) => {
        const limit = plan.serverCacheBytes?.get(serverId) ?? Number.POSITIVE_INFINITY;
        return this.usedAt(serverId) + (job.tokens ?? 1) * blockCount <= limit;
      }),
    );
  }
}

test(`with cache by tokens ${COMMANDS} random commands have the effects of a naive model, and no cache is promised twice`, () => {
  const rng = createRng(SEED, 'tokens');
  const scheduler = new Scheduler({ queueLimit: QUEUE_LIMIT, cache: 'tokens', maxOvertakes: MAX_OVERTAKES });
  const naive = new NaiveScheduler(QUEUE_LIMIT, { maxOvertakes: MAX_OVERTAKES });
  const ledger = new CacheLedger();
  let plan: DispatchPlan = { epoch: 0, chains: [], serverSlots: new Map() };
  let nowMs = 0;
  let jobs = 0;
  let overtaken = 0;
  const seen = { assigned: 0, rejected: 0, expired: 0, moved: 0, stayed: 0, displaced: 0, overtaken: 0 };

  for (let command = 0; command < COMMANDS; command += 1) {
    nowMs += rng.next() * 2;
    const draw = rng.next();
    let real: readonly SchedulingEffect[];
    let expected: readonly SchedulingEffect[];
    let isNewPlan = false;
    if (draw < 0.003 || command === 0) {
      plan = { epoch: plan.epoch + 1, ...randomLiveChains(rng) };
      isNewPlan = true;
      real = scheduler.adoptPlan(plan, nowMs);
      expected = naive.adoptPlan(plan, nowMs);
    } else if (draw < 0.5) {
      const deadlineMs = rng.next() < 0.5 ? undefined : nowMs + rng.next() * 30 - 0.2;
      const job = { id: `j${jobs}`, deadlineMs, tokens: 1 + Math.floor(rng.next() ** 2 * SESSION_TOKENS) };
      jobs += 1;
      ledger.waiting.set(job.id, job);
      real = scheduler.arrive(job, nowMs);
      expected = naive.arrive(job, nowMs);
    } else if (draw < 0.9 && ledger.running.size + ledger.waiting.size > 0) {
      const fromQueue = ledger.running.size === 0 || (ledger.waiting.size > 0 && rng.next() < 0.1);
      const id = pick([...(fromQueue ? ledger.waiting : ledger.running).keys()], rng);
      ledger.running.delete(id);
      ledger.waiting.delete(id);
      real = scheduler.complete(id, 'completed', nowMs);
      expected = naive.complete(id, 'completed', nowMs);
    } else if (draw < 0.93 && ledger.running.size > 0) {
      const id = pick([...ledger.running.keys()], rng);
      const deadlineMs = nowMs + rng.next() * 20 - 0.1;
      ledger.waiting.set(id, ledger.running.get(id)?.job as Job);
      ledger.running.delete(id);
      real = scheduler.displace(id, deadlineMs, nowMs);
      expected = naive.displace(id, deadlineMs, nowMs);
      seen.displaced += 1;
    } else if (draw < 0.97 && ledger.running.size > 0 && plan.chains.length > 0) {
      const id = pick([...ledger.running.keys()], rng);
      const chain = pick(plan.chains, rng);
      const moved = scheduler.moveJob(id, chain, nowMs);
      const movedNaively = naive.moveJob(id, chain, nowMs);
      expect(moved === undefined, `command ${command}, seed ${SEED}`).toBe(movedNaively === undefined);
      if (moved !== undefined) ledger.running.set(id, { job: ledger.running.get(id)?.job as Job, chain });
      real = moved ?? [];
      expected = movedNaively ?? [];
      seen[moved === undefined ? 'stayed' : 'moved'] += 1;
    } else {
      real = scheduler.advance(nowMs);
      expected = naive.advance(nowMs);
    }
    if (JSON.stringify(real) !== JSON.stringify(expected))
      expect(real, `command ${command}, seed ${SEED}`).toEqual(expected);
    const heldBefore = new Map([...(plan.serverCacheBytes?.keys() ?? [])].map((id) => [id, ledger.usedAt(id)]));
    ledger.apply(real);
    for (const effect of real) seen[effect.kind] += 1;

    // INV-1.
    const { arrived, completed, cancelled, failed, rejected, expired } = scheduler.counts;
    expect(arrived).toBe(
      completed + cancelled + failed + rejected + expired + scheduler.runningCount + scheduler.queueLength,
    );
    // INV-7: nothing is given beyond what a server has; only a new, smaller plan may find more held than that.
    for (const [id, bytes] of plan.serverCacheBytes ?? []) {
      const used = ledger.usedAt(id);
      if (used > (heldBefore.get(id) ?? 0)) expect(used, `${id}, command ${command}`).toBeLessThanOrEqual(bytes);
      expect(scheduler.isServerIdle(id)).toBe(used === 0);
    }
    // INV-17: who waits does not fit, but for those whom a job at the end of its patience holds back.
    const heads = [...naive.displaced, ...naive.queue];
    const head = heads[0];
    if (head !== undefined && !isNewPlan) {
      expect(ledger.fitsNow(head.job, plan)).toBe(false);
      if (head.overtakes < MAX_OVERTAKES)
        for (const { job } of heads) expect(ledger.fitsNow(job, plan), `${job.id}, command ${command}`).toBe(false);
    }
    for (const waiting of heads) {
      expect(waiting.overtakes).toBeLessThanOrEqual(MAX_OVERTAKES);
      overtaken = Math.max(overtaken, waiting.overtakes);
      if (waiting.overtakes === MAX_OVERTAKES) seen.overtaken += 1;
    }
  }

  expect(overtaken).toBe(MAX_OVERTAKES);
  for (const [kind, times] of Object.entries(seen)) expect(times, kind).toBeGreaterThan(50);
}, 60_000);

test('with jobs of one size, cache by tokens decides exactly as slots do', () => {
  const rng = createRng(SEED, 'equal');
  let assigned = 0;
  for (let round = 0; round < 200; round += 1) {
    const live = randomLiveChains(rng);
    const bySlots = new Scheduler({ queueLimit: 6 });
    const byTokens = new Scheduler({ queueLimit: 6, cache: 'tokens' });
    bySlots.adoptPlan({ epoch: 1, ...live }, 0);
    byTokens.adoptPlan({ epoch: 1, ...live }, 0);
    const present: string[] = [];
    for (let i = 0; i < 80; i += 1) {
      if (rng.next() < 0.6 || present.length === 0) {
        const job = { id: `${round}-${i}`, deadlineMs: rng.next() < 0.3 ? i + 5 * rng.next() : undefined };
        const expected = bySlots.arrive(job, i);
        expect(byTokens.arrive({ ...job, tokens: SESSION_TOKENS }, i)).toEqual(expected);
        if (!expected.some(({ jobId, kind }) => jobId === job.id && kind !== 'assigned')) present.push(job.id);
        for (const { jobId, kind } of expected)
          if (kind === 'expired' && present.includes(jobId)) present.splice(present.indexOf(jobId), 1);
      } else {
        const gone = bySlots.advance(i);
        expect(byTokens.advance(i)).toEqual(gone);
        for (const { jobId } of gone) present.splice(present.indexOf(jobId), 1);
        const [id] = present.splice(Math.floor(rng.next() * present.length), 1);
        if (id === undefined) continue;
        const expected = bySlots.complete(id, 'completed', i);
        expect(byTokens.complete(id, 'completed', i)).toEqual(expected);
        assigned += expected.length;
      }
    }
  }
  expect(assigned).toBeGreaterThan(500);
});

test('several jobs are said to have room only when each of them would be taken', () => {
  const rng = createRng(SEED, 'together');
  let refused = 0;
  for (let round = 0; round < 500; round += 1) {
    const scheduler = new Scheduler({ queueLimit: 4, cache: 'tokens' });
    scheduler.adoptPlan({ epoch: 1, ...randomLiveChains(rng) }, 0);
    const randomJob = (id: string): Job => ({
      id,
      deadlineMs: undefined,
      tokens: 1 + Math.floor(rng.next() * SESSION_TOKENS),
    });
    for (let i = 0; i < 12 * rng.next(); i += 1) scheduler.arrive(randomJob(`b${i}`), 0);
    const together = Array.from({ length: 1 + Math.floor(rng.next() * 8) }, (_, i) => randomJob(`t${i}`));
    const isRoom = scheduler.whyNotTogether(together, 1) === undefined;
    const effects = together.flatMap((job) => scheduler.arrive(job, 1));
    const isFull = effects.some((effect) => effect.kind === 'rejected' && effect.reason === 'queue_full');
    if (isRoom) expect(isFull).toBe(false);
    else refused += 1;
  }
  expect(refused).toBeGreaterThan(20);
});
