import { afterEach, describe, expect, it } from 'vitest';
import type { Chain } from '../../../../src/domain/model/chain.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { FakeSwarm } from '../../../support/fake-swarm.ts';

const never = new AbortController().signal;
const ALL = { firstBlock: 0, blockCount: 10 };

let fake: FakeSwarm;
afterEach(() => fake.stop());

const hopsOf = (chains: readonly Chain[]): string[] =>
  chains.map((chain) => chain.hops.map((hop) => `${hop.serverId}:${hop.firstBlock}+${hop.blockCount}`).join(' '));

describe('demand', () => {
  it('makes the swarm look at its plan when the arrival rate has drifted, and not before', async () => {
    fake = new FakeSwarm();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const before = fake.decisions().length;
    fake.clock.advance(60_000);
    expect(fake.decisions()).toHaveLength(before);
    for (let i = 0; i < 200; i += 1) {
      const ticket = await fake.dispatcher.acquire({ id: String(i), deadlineMs: undefined }, never);
      ticket.release('completed');
      fake.clock.advance(200);
    }
    fake.clock.advance(10_000);
    expect(fake.decisions().slice(before)).toContain('plan kept: rate');
    expect(fake.swarm.plan.arrivalRatePerSecond).toBeGreaterThan(2);
  });

  it('replaces the configured lengths by the measured ones once enough requests were seen', () => {
    fake = new FakeSwarm({ workloadSamples: 20 });
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const planned = fake.swarm.chains[0]?.serviceSeconds ?? 0;
    const serve = (): void => fake.swarm.reportRequest({ promptTokens: 1_000, completionTokens: 500, hops: [] });
    for (let i = 0; i < 19; i += 1) serve();
    expect(fake.swarm.demand()).toMatchObject({
      workload: { inputTokens: 100, outputTokens: 50 },
      isWorkloadMeasured: false,
    });
    serve();
    expect(fake.swarm.demand()).toMatchObject({
      workload: { inputTokens: 1_000, outputTokens: 500 },
      isWorkloadMeasured: true,
    });
    fake.clock.advance(11_000);
    expect(fake.decisions().at(-1)).toBe('plan kept: rate');
    expect(fake.swarm.chains[0]?.serviceSeconds).toBeGreaterThan(5 * planned);
  });
});

describe('a server that is slower than it declared', () => {
  const slow = (serverId: string, factor: number) => ({
    promptTokens: 100,
    completionTokens: 51,
    hops: [
      { serverId, blockCount: 10, steps: 50, roundTripSeconds: factor * 50 * (0.003 + 10 * 0.0011), aheadSeconds: 0 },
    ],
  });

  it('is reckoned with as it is: its chains go behind faster ones, and it is forgiven when nobody uses it', () => {
    fake = new FakeSwarm();
    fake.join('a', { hosted: ALL });
    fake.join('b', { hosted: ALL, slowness: 1.5 });
    fake.clock.advance(1_000);
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+10', 'b:0+10']);
    for (let i = 0; i < 4; i += 1) fake.swarm.reportRequest(slow('a', 3));
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+10', 'b:0+10']);
    for (let i = 0; i < 10; i += 1) fake.swarm.reportRequest(slow('a', 3));
    expect(hopsOf(fake.swarm.chains)).toEqual(['b:0+10', 'a:0+10']);
    expect(fake.membership.get('a')?.pace).toBeCloseTo(3, 1);
    fake.clock.advance(1_000);
    expect(fake.decisions().at(-1)).toBe('plan kept: speed');
    fake.clock.advance(3_600_000);
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+10', 'b:0+10']);
  });

  it('is not taken for slow because others were in the way, or because of a handful of tokens', () => {
    fake = new FakeSwarm();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    const [hop] = slow('a', 1).hops;
    if (hop === undefined) throw new Error('one hop');
    const crowded = { ...hop, aheadSeconds: 50 * 10 * 0.0011 * 3, roundTripSeconds: 50 * (0.003 + 10 * 0.0011 * 4) };
    for (let i = 0; i < 20; i += 1)
      fake.swarm.reportRequest({ promptTokens: 1, completionTokens: 51, hops: [crowded] });
    for (let i = 0; i < 20; i += 1)
      fake.swarm.reportRequest({
        promptTokens: 1,
        completionTokens: 4,
        hops: [{ ...hop, steps: 3, roundTripSeconds: 9 }],
      });
    expect(fake.membership.get('a')?.pace).toBe(1);
  });

  it('comes back as slow as it left', () => {
    fake = new FakeSwarm();
    const first = fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    for (let i = 0; i < 10; i += 1) fake.swarm.reportRequest(slow('a', 4));
    first.leave();
    fake.join('a', { hosted: ALL });
    fake.clock.advance(1_000);
    expect(fake.membership.get('a')?.pace).toBeGreaterThan(3);
  });
});

describe('servers that come and go', () => {
  it('are held out with the reason, so that they cost nobody any move', () => {
    fake = new FakeSwarm();
    fake.join('steady', { hosted: ALL });
    fake.clock.advance(1_000);
    for (let visit = 0; visit < 8; visit += 1) {
      const server = fake.join('flapper', { address: `127.0.0.1:${5000 + visit}` });
      fake.clock.advance(2_000);
      if (visit === 7) {
        expect(fake.stateOf('flapper')).toBe('excluded');
        expect(server.orders).toEqual([]);
        expect(fake.membership.get('flapper')?.exclusion?.reason).toContain('joined more than 5 times within 60 s');
      }
      server.leave();
      fake.clock.advance(1_000);
    }
    expect(
      fake.log.some(({ message, fields }) => message === 'server excluded' && fields['serverId'] === 'flapper'),
    ).toBe(true);
    expect(fake.swarm.unreadyReasons()).toEqual([]);
  });

  it('that fail a request are left out at once, and chains go on without them', () => {
    fake = new FakeSwarm();
    fake.join('a', { hosted: ALL });
    fake.join('b', { hosted: ALL, slowness: 3 });
    fake.clock.advance(1_000);
    fake.swarm.reportFailure(new DispatcherError('DSP_BAD_OUTPUT', 'it sent NaN', { serverId: 'a' }));
    expect(hopsOf(fake.swarm.chains)).toEqual(['b:0+10']);
    fake.clock.advance(70_000);
    expect(hopsOf(fake.swarm.chains)).toEqual(['a:0+10', 'b:0+10']);
  });
});
