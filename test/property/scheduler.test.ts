import { expect, test } from 'vitest';
import { type Chain, chainId } from '../../src/domain/model/chain.ts';
import type { SchedulingEffect } from '../../src/domain/scheduling/effects.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import { createRng, type Rng } from '../../src/domain/shared/rng.ts';
import { NaiveScheduler } from '../support/naive-scheduler.ts';
import { randomLiveChains } from '../support/random-swarm.ts';

const COMMANDS = 100_000;
const QUEUE_LIMIT = 12;
const SEED = Number(process.env['TEST_SEED'] ?? 20_260_414);

/** What the test believes of every job, built from the effects alone. */
class Ledger {
  readonly running = new Map<string, { readonly chain: Chain; readonly epoch: number }>();
  readonly waiting: string[] = [];
  readonly displaced: string[] = [];

  apply(effects: readonly SchedulingEffect[], epoch: number): void {
    for (const effect of effects) {
      const at = this.waiting.indexOf(effect.jobId);
      if (effect.kind === 'assigned') {
        // INV-5: first in, first out.
        if (at >= 0) expect(at).toBe(0);
        // Who lost its chain goes before everybody who has not run yet.
        if (this.displaced.length > 0) expect(effect.jobId).toBe(this.displaced[0]);
        expect(effect.epoch).toBe(epoch);
        this.running.set(effect.jobId, { chain: effect.chain, epoch });
      }
      if (at >= 0) this.waiting.splice(at, 1);
      const ahead = this.displaced.indexOf(effect.jobId);
      if (ahead >= 0) this.displaced.splice(ahead, 1);
    }
  }
}

function pick<Item>(items: readonly Item[], rng: Rng): Item {
  return items[Math.floor(rng.next() * items.length)] as Item;
}

/** The chain itself, or hops of its own: the first server gives its last block to the second one. */
function movedChain(chain: Chain, rng: Rng): Chain {
  const [first, second, ...rest] = chain.hops;
  if (rng.next() < 0.5 || first === undefined || second === undefined || first.blockCount < 2) return chain;
  const hops = [
    { ...first, blockCount: first.blockCount - 1 },
    { ...second, firstBlock: second.firstBlock - 1, blockCount: second.blockCount + 1 },
    ...rest,
  ];
  return { ...chain, id: chainId(hops), hops };
}

test(`${COMMANDS} random commands have the effects of a naive model and uphold the invariants`, () => {
  const rng = createRng(SEED, 'scheduler');
  const scheduler = new Scheduler({ queueLimit: QUEUE_LIMIT });
  const naive = new NaiveScheduler(QUEUE_LIMIT);
  const ledger = new Ledger();
  let nowMs = 0;
  let epoch = 0;
  let jobs = 0;
  const seen = { assigned: 0, rejected: 0, expired: 0, retired: 0, moved: 0, stayed: 0, displaced: 0 };

  for (let command = 0; command < COMMANDS; command += 1) {
    nowMs += rng.next() * 2;
    const draw = rng.next();
    let real: readonly SchedulingEffect[];
    let expected: readonly SchedulingEffect[];
    if (draw < 0.002 || command === 0) {
      epoch += 1;
      const plan = { epoch, ...randomLiveChains(rng) };
      real = scheduler.adoptPlan(plan, nowMs);
      expected = naive.adoptPlan(plan, nowMs);
    } else if (draw < 0.5) {
      const job = { id: `j${jobs}`, deadlineMs: rng.next() < 0.5 ? undefined : nowMs + rng.next() * 30 - 0.2 };
      jobs += 1;
      real = scheduler.arrive(job, nowMs);
      expected = naive.arrive(job, nowMs);
      const isSettled = real.some((effect) => effect.jobId === job.id);
      ledger.apply(
        real.filter((effect) => effect.jobId !== job.id),
        epoch,
      );
      if (!isSettled) ledger.waiting.push(job.id);
      else
        ledger.apply(
          real.filter((effect) => effect.jobId === job.id),
          epoch,
        );
    } else if (draw < 0.9 && ledger.running.size + ledger.waiting.length > 0) {
      const fromQueue = ledger.running.size === 0 || (ledger.waiting.length > 0 && rng.next() < 0.1);
      const id = fromQueue ? pick(ledger.waiting, rng) : pick([...ledger.running.keys()], rng);
      const outcome = pick(['completed', 'cancelled', 'failed'] as const, rng);
      // INV-10: a running job keeps its plan epoch until it ends.
      expect(scheduler.epochOf(id)).toBe(ledger.running.get(id)?.epoch);
      ledger.running.delete(id);
      if (fromQueue) ledger.waiting.splice(ledger.waiting.indexOf(id), 1);
      real = scheduler.complete(id, outcome, nowMs);
      expected = naive.complete(id, outcome, nowMs);
      ledger.apply(real, epoch);
    } else if (draw < 0.93 && ledger.running.size > 0) {
      const id = pick([...ledger.running.keys()], rng);
      ledger.running.delete(id);
      ledger.displaced.push(id);
      const deadlineMs = nowMs + rng.next() * 20 - 0.1;
      real = scheduler.displace(id, deadlineMs, nowMs);
      expected = naive.displace(id, deadlineMs, nowMs);
      ledger.apply(real, epoch);
      seen.displaced += 1;
    } else if (draw < 0.97 && ledger.running.size > 0 && scheduler.chains.length > 0) {
      const id = pick([...ledger.running.keys()], rng);
      const { epoch: epochBefore } = ledger.running.get(id) as { epoch: number };
      const chain = movedChain(pick(scheduler.chains, rng).chain, rng);
      const moved = scheduler.moveJob(id, chain, nowMs);
      const movedNaively = naive.moveJob(id, chain, nowMs);
      expect(moved === undefined, `command ${command}, seed ${SEED}`).toBe(movedNaively === undefined);
      if (moved !== undefined) ledger.running.set(id, { chain, epoch: epochBefore });
      real = moved ?? [];
      expected = movedNaively ?? [];
      ledger.apply(real, epoch);
      seen[moved === undefined ? 'stayed' : 'moved'] += 1;
    } else {
      real = scheduler.advance(nowMs);
      expected = naive.advance(nowMs);
      ledger.apply(real, epoch);
    }
    if (draw < 0.002) ledger.apply(real, epoch);
    if (JSON.stringify(real) !== JSON.stringify(expected))
      expect(real, `command ${command}, seed ${SEED}`).toEqual(expected);
    for (const effect of real) seen[effect.kind] += 1;

    // INV-1: every job that arrived is somewhere, once.
    const { arrived, completed, cancelled, failed, rejected, expired } = scheduler.counts;
    expect(arrived).toBe(
      completed + cancelled + failed + rejected + expired + scheduler.runningCount + scheduler.queueLength,
    );
    // INV-2 and INV-3: counts never go below zero, and nobody waits while a chain has room.
    let hasRoom = false;
    let isPlanClear = scheduler.retiredChains().length === 0;
    for (const { chain, busy } of scheduler.chains) {
      expect(busy).toBeGreaterThanOrEqual(0);
      if (busy < chain.slots) hasRoom = true;
      if (busy > chain.slots) isPlanClear = false;
    }
    // While jobs of an older plan are in the way, a chain's free slot may lack cache at its servers.
    if (!isPlanClear) seen.retired += 1;
    else if (hasRoom) expect(scheduler.queueLength).toBe(0);
  }

  // The run must have met every kind of event, else it shows little.
  for (const [kind, times] of Object.entries(seen)) expect(times, kind).toBeGreaterThan(100);
}, 60_000);

test('a job goes to the fastest chain that is free, whatever happened before', () => {
  const rng = createRng(SEED, 'fastest');
  for (let round = 0; round < 300; round += 1) {
    const { chains, serverSlots } = randomLiveChains(rng);
    const scheduler = new Scheduler({ queueLimit: 5 });
    scheduler.adoptPlan({ epoch: 1, chains, serverSlots }, 0);
    for (let i = 0; i < 40; i += 1) {
      // INV-4: no faster chain was free.
      const expected = scheduler.chains.find(({ chain, busy }) => busy < chain.slots)?.chain.id;
      const [effect] = scheduler.arrive({ id: `${round}-${i}`, deadlineMs: undefined }, i);
      if (expected !== undefined) expect(effect).toMatchObject({ kind: 'assigned', chain: { id: expected } });
      else expect(effect?.kind).not.toBe('assigned');
    }
  }
});

test('several jobs are said to have room exactly when each of them would be taken', () => {
  const rng = createRng(SEED, 'together');
  for (let round = 0; round < 500; round += 1) {
    const { chains, serverSlots } = randomLiveChains(rng);
    const scheduler = new Scheduler({ queueLimit: 4 });
    scheduler.adoptPlan({ epoch: 1, chains, serverSlots }, 0);
    const before = Math.floor(rng.next() * 12);
    for (let i = 0; i < before; i += 1) scheduler.arrive({ id: `b${i}`, deadlineMs: undefined }, 0);
    const count = 1 + Math.floor(rng.next() * 8);
    const together = Array.from({ length: count }, (_, i) => ({ id: `t${i}`, deadlineMs: undefined }));
    const isRoom = scheduler.whyNotTogether(together, 1) === undefined;
    const effects = together.flatMap((job) => scheduler.arrive(job, 1));
    const isTaken = !effects.some((effect) => effect.kind === 'rejected' && effect.reason === 'queue_full');
    expect(isRoom).toBe(isTaken);
  }
});
