import { afterEach, describe, expect, it } from 'vitest';
import { createRng } from '../../../../src/domain/shared/rng.ts';
import { FakeSwarm } from '../../../support/fake-swarm.ts';

const never = new AbortController().signal;
/** The longest session of the fake model: 0.2 bytes a block. */
const LONGEST = 1_000;
const ALL = { firstBlock: 0, blockCount: 10 };

let fake: FakeSwarm;
afterEach(() => fake.stop());

/** Requests that come and go, one a second. */
async function ask(requests: number, tokensOf: (i: number) => number): Promise<void> {
  for (let i = 0; i < requests; i += 1) {
    const ticket = await fake.dispatcher.acquire(
      { id: `${fake.clock.nowMs()}`, deadlineMs: undefined, tokens: tokensOf(i) },
      never,
    );
    ticket.release('completed');
    fake.clock.advance(1_000);
  }
}

const sized = (more: ConstructorParameters<typeof FakeSwarm>[0] = {}): FakeSwarm =>
  new FakeSwarm({
    sizedSessionTokens: LONGEST,
    scheduling: { cache: 'tokens', cacheBytesPerToken: 0.2 / LONGEST },
    ...more,
  });

describe('a swarm whose slots are sized by what requests reserve', () => {
  it('plans for the longest session until enough requests came, and then for sessions as they come', async () => {
    fake = sized();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    expect(fake.swarm.plannedSlotTokens).toBe(LONGEST);
    const slotsBefore = fake.swarm.chains[0]?.slots ?? 0;
    await ask(100, () => 200);
    expect(fake.swarm.plannedSlotTokens).toBe(200);
    expect(fake.swarm.chains[0]?.slots).toBe(5 * slotsBefore);
    expect(fake.decisions().at(-1)).toContain('rate');
  });

  it('keeps the size while what comes differs from it by less than the threshold, however it varies', async () => {
    fake = sized();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const rng = createRng(5, 'sizes');
    await ask(300, () => 100 + Math.floor(400 * rng.next()));
    const planned = fake.swarm.plannedSlotTokens;
    const looks = fake.decisions().length;
    await ask(2_000, (i) => 100 + Math.floor(400 * rng.next()) + Math.floor(40 * Math.sin(i / 100)));
    expect(fake.swarm.plannedSlotTokens).toBe(planned);
    // What looks there are come from the rate of arrivals, which settles.
    expect(fake.decisions().length - looks).toBeLessThanOrEqual(2);
  });

  it('goes back when long requests come', async () => {
    fake = sized();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    await ask(100, () => 200);
    await ask(600, () => 950);
    expect(fake.swarm.plannedSlotTokens).toBeGreaterThan(700);
    expect(fake.swarm.plannedSlotTokens).toBeLessThanOrEqual(LONGEST);
  });

  it('leaves every server room for the longest session', async () => {
    fake = sized({ model: { id: 'm', blockCount: 10, blockBytes: 4, cacheBytesPerBlock: 4 } });
    for (const serverId of ['a', 'b', 'c', 'd']) fake.join(serverId, { memoryBytes: 48 });
    fake.clock.advance(30_000);
    await ask(100, () => 10);
    fake.clock.advance(120_000);
    expect(fake.swarm.plannedSlotTokens).toBe(10);
    // 8 bytes a block with the longest session's cache: six blocks, where ten would fit beside the typical one's.
    for (const { serverId } of fake.membership.members())
      expect(fake.membership.get(serverId)?.ready?.blockCount).toBeLessThanOrEqual(6);
    expect(fake.swarm.chains.length).toBeGreaterThan(0);
  });

  it('does nothing of it where slots are not sized', async () => {
    fake = new FakeSwarm();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const slots = fake.swarm.chains[0]?.slots;
    await ask(100, () => 200);
    expect(fake.swarm.plannedSlotTokens).toBeUndefined();
    expect(fake.swarm.chains[0]?.slots).toBe(slots);
  });
});
