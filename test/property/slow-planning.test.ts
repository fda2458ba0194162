import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { phaseOf } from '../../src/domain/membership/member.ts';
import { endBlock } from '../../src/domain/model/span.ts';
import { FAKE_MODEL, type FakeServer, FakeSwarm } from '../support/fake-swarm.ts';
import { HeldPlanner } from '../support/held-planner.ts';

/**
 * The live swarm with a planner that takes its time: servers join, leave, come back and drain while looks
 * and searches are computed, and answers come whenever they come.
 */
type Step =
  | { readonly kind: 'join' | 'leave' | 'drain'; readonly server: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'look' }
  | { readonly kind: 'search' };

const SERVERS = 6;
/** Blocks with one session's cache that fit the servers: some hold all of the model, some little. */
const ROOM = [10, 6, 5, 5, 3, 2];

const server = fc.nat(SERVERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('join' as const), server }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), server }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), server }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 50, max: 9_000 }) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'look' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'search' as const }) },
);

const bytesOf = (index: number): number =>
  (ROOM[index] ?? 0) * (FAKE_MODEL.blockBytes + FAKE_MODEL.cacheBytesPerBlock) + 0.1;

class Run {
  readonly planner = new HeldPlanner();
  readonly fake: FakeSwarm;
  readonly #up = new Map<number, FakeServer>();
  readonly #gone: { readonly server: FakeServer; readonly orders: number }[] = [];

  constructor(placementPolicy: 'best' | 'gbp-cr-fill') {
    this.fake = new FakeSwarm({ planner: this.planner, placementPolicy, flapLimit: 1_000, loadMsPerBlock: 200 });
  }

  take(step: Step): void {
    if (step.kind === 'pass') this.fake.clock.advance(step.ms);
    else if (step.kind === 'look') this.#keepingServed(() => this.planner.answerLook());
    else if (step.kind === 'search') this.#keepingServed(() => this.planner.answerSearch());
    else if (step.kind === 'drain') this.fake.swarm.drain(`s${step.server}`);
    else {
      // A server that joins again is a new incarnation: the old one hears nothing any more.
      const before = this.#up.get(step.server);
      this.#up.delete(step.server);
      if (step.kind === 'leave') before?.leave();
      if (step.kind === 'join') {
        before?.fallSilent();
        this.#up.set(step.server, this.fake.join(`s${step.server}`, { memoryBytes: bytesOf(step.server) }));
      }
      if (before !== undefined) this.#gone.push({ server: before, orders: before.orders.length });
    }
    expect(this.planner.heldLooks).toBeLessThanOrEqual(1);
    expect(this.planner.heldSearches).toBeLessThanOrEqual(1);
    for (const { server: gone, orders } of this.#gone) expect(gone.orders).toHaveLength(orders);
  }

  /** Everything is answered, and nothing changes any more. */
  settle(): void {
    for (let i = 0; i < 80; i += 1) {
      this.fake.clock.advance(1_000);
      this.planner.answerLook();
      if (i % 5 === 0) this.planner.answerSearch();
    }
  }

  /** Whether those that take part have room for every block. */
  couldServe(): boolean {
    const members = this.fake.membership.members().filter((member) => phaseOf(member) !== 'draining');
    const room = members.reduce((sum, member) => sum + (ROOM[Number(member.serverId.slice(1))] ?? 0), 0);
    return room >= FAKE_MODEL.blockCount;
  }

  /** An answer never takes the last server of a block out of service while all blocks are served. */
  #keepingServed(act: () => void): void {
    const before = this.#unserved();
    act();
    if (before === 0) expect(this.#unserved()).toBe(0);
  }

  #unserved(): number {
    const served = new Set<number>();
    for (const member of this.fake.membership.members()) {
      if (phaseOf(member) !== 'serving' || member.ready === undefined) continue;
      for (let block = member.ready.firstBlock; block < endBlock(member.ready); block += 1) served.add(block);
    }
    return FAKE_MODEL.blockCount - served.size;
  }
}

describe.each(['gbp-cr-fill', 'best'] as const)(
  'membership that changes while plans are computed (%s)',
  (placement) => {
    test.prop([fc.array(step, { minLength: 5, maxLength: 40 })], {
      numRuns: placement === 'best' ? 40 : 150,
      seed: 11,
    })('ends in a swarm that serves wherever its servers have room, with nobody left untold', (steps) => {
      const run = new Run(placement);
      try {
        for (const one of steps) run.take(one);
        run.settle();
        if (!run.couldServe()) return;
        expect(run.fake.swarm.chains.length).toBeGreaterThan(0);
        const waiting = run.fake.membership.members().filter((member) => !member.isDraining && !member.assigned);
        expect(waiting).toEqual([]);
      } finally {
        run.fake.stop();
      }
    });
  },
);
