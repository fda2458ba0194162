import { afterEach, describe, expect, it } from 'vitest';
import type { Planner, PlannerAnswer } from '../../../../src/application/ports/planner.ts';
import { FAKE_MODEL, FakeSwarm } from '../../../support/fake-swarm.ts';
import { HeldPlanner } from '../../../support/held-planner.ts';

/** Room for five blocks of the model and the cache of ten sessions. */
const HALF_BYTES = 5 * FAKE_MODEL.blockBytes + 10;
const HALF = { memoryBytes: HALF_BYTES };

let fake: FakeSwarm;
afterEach(() => fake.stop());

/** A swarm of `ids` that serves, and whose planner now holds its answers back. */
function servingSwarm(planner: HeldPlanner, ids: readonly string[], options = {}): FakeSwarm {
  fake = new FakeSwarm({ planner, ...options });
  for (const id of ids) fake.join(id, HALF);
  for (let i = 0; i < 20; i += 1) {
    fake.clock.advance(1_000);
    planner.answerLook();
  }
  expect(fake.swarm.chains.length).toBeGreaterThan(0);
  return fake;
}

describe('a look at the plan that takes its time', () => {
  it('is the only one: what changes meanwhile is looked at together, when it has ended', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    for (const id of ['a', 'b']) fake.join(id, HALF);
    fake.clock.advance(1_000);
    expect(planner.heldLooks).toBe(1);
    for (const id of ['c', 'd', 'e']) {
      fake.join(id, HALF);
      fake.clock.advance(1_000);
    }
    expect(planner.looks).toHaveLength(1);
    expect(fake.swarm.unreadyReasons()).toContain('a plan is being made');
    planner.answerLook();
    expect(planner.looks.map((look) => look.servers.length)).toEqual([2, 5]);
    expect(fake.swarm.plan.epoch).toBe(1);
  });

  it('is carried out for the servers it was made for when others joined meanwhile, which are told nothing yet', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    const first = ['a', 'b'].map((id) => fake.join(id, HALF));
    fake.clock.advance(300);
    const late = fake.join('c', HALF);
    planner.answerLook();
    expect(first.map((server) => server.orders.length)).toEqual([1, 1]);
    expect(late.orders).toEqual([]);
    fake.clock.advance(300);
    planner.answerLook();
    expect(late.orders).toHaveLength(1);
  });

  it('counts for nothing when a server has gone meanwhile: the swarm is looked at anew, at once', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    const [, b] = ['a', 'b', 'c'].map((id) => fake.join(id, HALF));
    fake.clock.advance(300);
    b?.leave();
    planner.answerLook();
    expect(fake.swarm.plan.epoch).toBe(0);
    expect(planner.looks.map((look) => look.servers.map((server) => server.id))).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c'],
    ]);
    planner.answerLook();
    fake.clock.advance(10_000);
    expect(fake.swarm.chains.length).toBeGreaterThan(0);
  });

  it('counts for nothing when a server came back as another incarnation: what it hosted is gone', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    for (const id of ['a', 'b']) fake.join(id, HALF);
    fake.clock.advance(300);
    fake.join('b', HALF);
    planner.answerLook();
    expect(fake.swarm.plan.epoch).toBe(0);
    expect(planner.heldLooks).toBe(1);
  });

  it('covers lost blocks with one look after the loss, however long the look was that the loss made worthless', () => {
    const planner = new HeldPlanner();
    servingSwarm(planner, ['a', 'b', 'c']);
    fake.join('d', HALF);
    fake.clock.advance(300);
    const lost = fake.membership.members().find((member) => member.serverId === 'a');
    fake.swarm.streamEnded('a', lost?.incarnation ?? 0, false);
    fake.clock.advance(5_000);
    planner.answerLook();
    planner.answerLook();
    fake.clock.advance(10_000);
    expect(fake.swarm.chains.length).toBeGreaterThan(0);
  });

  it('is used at last when servers keep going while it is computed: else there would never be a plan', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    for (const id of ['a', 'b']) fake.join(id, HALF);
    const visitors = Array.from({ length: 8 }, (_, i) => fake.join(`v${i}`, HALF));
    fake.clock.advance(2_500);
    let looks = 0;
    while (fake.swarm.plan.epoch === 0 && looks < 8) {
      visitors[looks]?.leave();
      planner.answerLook();
      looks += 1;
    }
    expect(fake.swarm.plan.epoch).toBe(1);
    expect(looks).toBe(4);
    for (const server of visitors.slice(0, looks)) expect(server.orders).toEqual([]);
  });

  it('is thrown away when the swarm has stopped', () => {
    const planner = new HeldPlanner();
    fake = new FakeSwarm({ planner });
    const server = fake.join('a', { memoryBytes: 60 });
    fake.clock.advance(300);
    fake.swarm.stop();
    planner.answerLook();
    expect(server.orders).toEqual([]);
    expect(fake.swarm.plan.epoch).toBe(0);
  });
});

describe('a planner that fails', () => {
  it('leaves the plan as it is, says so, and is asked again', () => {
    const inner = new HeldPlanner();
    let failures = 2;
    const planner: Planner = {
      look: (look, answer) => {
        const failed: PlannerAnswer = { kind: 'failed', cause: 'timed_out', reason: 'it took more than 30 s' };
        if (failures > 0) answer(failed);
        else inner.look(look, answer);
        failures -= 1;
      },
      search: (question, answer) => inner.search(question, answer),
      ask: (question) => inner.ask(question),
      close: async () => undefined,
    };
    fake = new FakeSwarm({ planner });
    const server = fake.join('a', { memoryBytes: 60 });
    fake.clock.advance(1_000);
    expect(fake.log.filter(({ message }) => message.startsWith('planning failed'))).toHaveLength(2);
    expect(fake.log.at(-1)?.fields).toMatchObject({ cause: 'join', reason: 'it took more than 30 s' });
    inner.answerLook();
    expect(server.orders).toHaveLength(1);
  });
});

describe('the search for a better plan', () => {
  const careful = { placementPolicy: 'best', objective: 'lower' } as const;

  it('follows a plan that serves once nothing has changed for a while, and not where none is configured', () => {
    const planner = new HeldPlanner();
    servingSwarm(planner, ['a', 'b'], careful);
    fake.clock.advance(10_000);
    expect(planner.heldSearches).toBe(1);
    fake.stop();
    const plain = new HeldPlanner();
    servingSwarm(plain, ['a', 'b']);
    fake.clock.advance(60_000);
    expect(plain.searches).toEqual([]);
  });

  it('tells what came of it, and leaves servers where they are when moving them would not pay', () => {
    const planner = new HeldPlanner();
    servingSwarm(planner, ['a', 'b'], careful);
    fake.clock.advance(10_000);
    const before = fake.swarm.plan;
    planner.answerSearch();
    expect(fake.swarm.plan).toMatchObject({ epoch: before.epoch, source: before.source });
    expect(fake.swarm.plan.search).toMatchObject({ outcome: 'keep', isCutShort: false });
    expect(fake.swarm.plan.search?.evaluations).toBeGreaterThan(0);
    expect(fake.telemetry.searches.map(({ outcome }) => outcome)).toEqual(['keep']);
  });

  it('is worthless when the swarm changed meanwhile, and is made again afterwards', () => {
    const planner = new HeldPlanner();
    servingSwarm(planner, ['a', 'b'], careful);
    fake.clock.advance(10_000);
    fake.join('c', HALF);
    planner.answerSearch();
    expect(fake.swarm.plan.search?.outcome).toBe('outdated');
    for (let i = 0; i < 30; i += 1) {
      fake.clock.advance(1_000);
      planner.answerLook();
    }
    expect(planner.searches.map(({ look }) => look.servers.length)).toEqual([2, 3]);
  });

  it('never holds up a look', () => {
    const planner = new HeldPlanner();
    servingSwarm(planner, ['a', 'b', 'c'], careful);
    fake.clock.advance(10_000);
    expect(planner.heldSearches).toBe(1);
    const late = fake.join('d', HALF);
    fake.clock.advance(300);
    expect(planner.heldLooks).toBe(1);
    planner.answerLook();
    expect(late.orders).toHaveLength(1);
  });

  it('moves servers where that pays, a few at a time while the others serve, and then leaves them in peace', () => {
    fake = new FakeSwarm({ ...careful, objective: 'predicted' });
    // Two fast servers came with the same half, so only the slow one serves the other.
    fake.join('a', { memoryBytes: 60, hosted: { firstBlock: 0, blockCount: 10 }, slowness: 10 });
    const fast = ['b', 'c'].map((id) => fake.join(id, { ...HALF, hosted: { firstBlock: 0, blockCount: 5 } }));
    fake.clock.advance(4_000);
    expect(fake.swarm.plan).toMatchObject({ source: { kind: 'look' }, search: undefined });
    const ordered = fast.flatMap((server) => server.orders).length;
    for (let i = 0; i < 30; i += 1) {
      fake.clock.advance(1_000);
      expect(fake.swarm.chains.length).toBeGreaterThan(0);
    }
    expect(fake.swarm.chains[0]?.hops.map((hop) => hop.serverId).sort()).toEqual(['b', 'c']);
    const { plan } = fake.swarm;
    expect(plan.source).toMatchObject({ kind: 'search', placementPolicy: 'best', objective: 'predicted' });
    expect(plan.source?.gainSeconds).toBeGreaterThan(0);
    expect(plan.inForce?.responseSeconds?.predicted).toBeGreaterThan(0);
    expect(fast.flatMap((server) => server.orders)).toHaveLength(ordered + 1);
    fake.clock.advance(600_000);
    expect(fake.swarm.plan.epoch).toBe(plan.epoch);
    expect(fake.telemetry.searches.map(({ outcome }) => outcome)).toEqual(['change', 'keep']);
  });
});
