import { beforeEach, describe, expect, it } from 'vitest';
import type {
  JoinRequest,
  Registration,
  RegistrationListener,
  SwarmRegistry,
} from '../../../../src/application/ports/swarm-registry.ts';
import { SpanHosting } from '../../../../src/application/server/host-span.ts';
import { SwarmMembership } from '../../../../src/application/server/swarm-membership.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryBlockHost } from '../../../support/memory-block-host.ts';

const SPEED = {
  overheadSecondsPerBlock: 0.1,
  prefillSecondsPerTokenPerBlock: 0.2,
  decodeSecondsPerTokenPerBlock: 0.3,
  rttSeconds: undefined,
};
const LOST = { kind: 'lost', error: new DispatcherError('DSP_SERVER_LOST', 'gone') } as const;

interface Join {
  readonly address: string;
  readonly hello: JoinRequest;
  readonly listener: RegistrationListener;
  readonly sent: string[];
}

describe('SwarmMembership', () => {
  let clock: FakeClock;
  let joins: Join[];
  let told: string[];
  let host: MemoryBlockHost;
  let membership: SwarmMembership;

  const registry: SwarmRegistry = {
    measureRoundTripSeconds: async () => 0.02,
    join: (address, hello, listener) => {
      const sent: string[] = [];
      joins.push({ address, hello, listener, sent });
      return {
        heartbeat: (state) => void sent.push(`heartbeat ${state.sessions}`),
        spanReady: (epoch) => void sent.push(`ready ${epoch}`),
        spanFailed: (epoch) => void sent.push(`failed ${epoch}`),
        leaving: () => void sent.push('leaving'),
        close: () => {
          sent.push('close');
          queueMicrotask(() => listener.ended(LOST));
        },
      } satisfies Registration;
    },
  };

  beforeEach(async () => {
    clock = new FakeClock();
    joins = [];
    told = [];
    host = new MemoryBlockHost({ hosted: { firstBlock: 0, blockCount: 3 } });
    membership = new SwarmMembership(
      {
        dispatcherAddress: 'd:1',
        serverId: 's',
        modelId: 'test-model',
        address: 'a:2',
        memoryBytes: 1e6,
        speed: SPEED,
        labels: {},
        joinToken: '',
        dtype: 'float32',
        weightsDigest: 'w',
      },
      {
        registry,
        host,
        hosting: new SpanHosting(host, 1e6),
        clock,
        rng: { next: () => 0 },
        listener: {
          joined: (id) => void told.push(`joined ${id}`),
          lost: (_, retryInMs) => void told.push(`lost ${retryInMs}`),
          refused: (error) => void told.push(`refused ${error.code}`),
          spanOrdered: (epoch) => void told.push(`ordered ${epoch}`),
          spanReady: (epoch) => void told.push(`ready ${epoch}`),
          spanFailed: (epoch) => void told.push(`failed ${epoch}`),
        },
      },
    );
    membership.start();
    await settle();
  });

  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i += 1) await Promise.resolve();
  };
  const latest = (): Join => joins[joins.length - 1] as Join;
  const welcome = (heartbeatIntervalMs = 1_000): void =>
    latest().listener.welcomed({ heartbeatIntervalMs, dispatcherId: 'd' });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };

  it('joins with what it hosts and its round trip', () => {
    expect(joins).toHaveLength(1);
    expect(latest().hello).toMatchObject({
      serverId: 's',
      hosted: { firstBlock: 0, blockCount: 3 },
      speed: { ...SPEED, rttSeconds: 0.02 },
    });
  });

  it('beats at the interval of the welcome, at once and then regularly, and once per interval', async () => {
    welcome();
    welcome();
    expect(latest().sent).toEqual(['heartbeat 0']);
    await advance(999);
    expect(latest().sent).toHaveLength(1);
    await advance(1);
    expect(latest().sent).toHaveLength(2);
  });

  it.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY])(
    'does not flood a dispatcher that asks for a beat every %d ms',
    async (interval) => {
      welcome(interval);
      for (let i = 0; i < 100; i += 1) await advance(10);
      expect(latest().sent.length).toBeLessThanOrEqual(11);
    },
  );

  it('joins again after growing pauses, and after a short one when the last registration was long', async () => {
    for (const pause of [125, 250, 500]) {
      latest().listener.ended(LOST);
      const before = joins.length;
      await advance(pause - 1);
      expect(joins).toHaveLength(before);
      await advance(1);
      expect(joins).toHaveLength(before + 1);
    }
    welcome();
    await advance(6_000);
    latest().listener.ended(LOST);
    expect(told.at(-1)).toBe('lost 125');
    for (let i = 0; i < 12; i += 1) {
      await advance(20_000);
      latest().listener.ended(LOST);
    }
    expect(told.at(-1)).toBe('lost 7500');
  });

  it('gives up on a dispatcher that does not welcome it, and tries again', async () => {
    await advance(10_000);
    expect(latest().sent).toEqual(['close']);
    await advance(200);
    expect(joins).toHaveLength(2);
  });

  it('does not try again when it is refused', async () => {
    latest().listener.ended({ kind: 'refused', error: new DispatcherError('DSP_JOIN_REFUSED', 'no') });
    await advance(100_000);
    expect(joins).toHaveLength(1);
    expect(told).toEqual(['refused DSP_JOIN_REFUSED']);
  });

  it('hosts what is ordered and reports on the stream that ordered it', async () => {
    welcome();
    latest().listener.ordered({ planEpoch: 4, span: { firstBlock: 2, blockCount: 2 }, cacheBytes: 10 });
    await settle();
    // The beat tells of the cache that the new span leaves, before the next one is due.
    expect(latest().sent.slice(-2)).toEqual(['ready 4', 'heartbeat 0']);
    expect(told).toEqual(['joined d', 'ordered 4', 'ready 4']);
  });

  it('follows a redirect at once, and not in circles', async () => {
    for (const target of ['e:1', 'f:1', 'g:1']) {
      latest().listener.redirected(target);
      await settle();
      await advance(0);
      expect(latest().address).toBe(target);
    }
    latest().listener.redirected('h:1');
    await settle();
    await advance(0);
    expect(joins).toHaveLength(4);
    await advance(1_000);
    expect(latest().address).toBe('d:1');
  });

  it('goes back to its own dispatcher when the one it was sent to is lost', async () => {
    latest().listener.redirected('e:1');
    await settle();
    await advance(0);
    welcome();
    latest().listener.ended(LOST);
    await advance(1_000);
    expect(latest().address).toBe('d:1');
  });

  it('leaves when it may, and is over', async () => {
    welcome();
    const left = membership.leave('stopped');
    expect(latest().sent.at(-1)).toBe('leaving');
    latest().listener.drained();
    await left;
    expect(latest().sent.at(-1)).toBe('close');
    await advance(100_000);
    expect(joins).toHaveLength(1);
  });

  it('leaves after two seconds without an answer, and at once when the stream ends or there is none', async () => {
    welcome();
    let isGone = false;
    void membership.leave('stopped').then(() => {
      isGone = true;
    });
    await advance(1_999);
    expect(isGone).toBe(false);
    await advance(1);
    expect(isGone).toBe(true);
  });

  it('leaves at once when it has not joined', async () => {
    await membership.leave('stopped');
    await advance(100_000);
    expect(joins).toHaveLength(1);
  });
});
