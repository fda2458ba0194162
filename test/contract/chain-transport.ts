import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import {
  type ChainSession,
  type ChainTransport,
  MAX_STEPS_UNDER_WAY,
  type OpenChainRequest,
} from '../../src/application/ports/chain-transport.ts';
import { expectedAddend, MemoryBlockHost, type MemoryBlockHostOptions } from '../support/memory-block-host.ts';

/** What a protocol gives the suite: a transport that reaches hosts under the addresses given back. */
export interface ChainTransportRig {
  readonly transport: ChainTransport;
  readonly addresses: readonly string[];
  close(): Promise<void>;
}

const HIDDEN = 4;

/** What a protocol can carry. */
export interface ProtocolTraits {
  /** A server learns which model a session is of. */
  readonly isModelNamed: boolean;
  /** A server tells how long it computed. */
  readonly isComputeTold: boolean;
}

/** What `ChainTransport` promises, for every implementation. */
export function describeChainTransport(
  name: string,
  startRig: (hosts: readonly BlockHost[]) => Promise<ChainTransportRig>,
  traits: ProtocolTraits = { isModelNamed: true, isComputeTold: true },
): void {
  describe(`chain transport over ${name}`, () => {
    let rig: ChainTransportRig | undefined;
    let hosts: MemoryBlockHost[] = [];
    let abort: AbortController;

    beforeEach(() => {
      abort = new AbortController();
    });
    afterEach(async () => {
      await rig?.close();
      rig = undefined;
    });

    /** Hosts with two blocks each, in the order of a chain. */
    async function start(options: readonly MemoryBlockHostOptions[]): Promise<void> {
      hosts = options.map(
        (option, i) =>
          new MemoryBlockHost({ hiddenSize: HIDDEN, hosted: { firstBlock: 2 * i, blockCount: 2 }, ...option }),
      );
      rig = await startRig(hosts);
    }

    function request(overrides: Partial<OpenChainRequest> = {}): OpenChainRequest {
      const addresses = rig?.addresses ?? [];
      return {
        sessionId: 'session-1',
        modelId: 'test-model',
        hiddenSize: HIDDEN,
        planEpoch: 3,
        hops: hosts.map((_, i) => ({
          serverId: `s${i}`,
          address: addresses[i] ?? '',
          firstBlock: 2 * i,
          blockCount: 2,
        })),
        maxTokens: 100,
        stepTimeoutMs: 2_000,
        ...overrides,
      };
    }

    function open(overrides: Partial<OpenChainRequest> = {}): Promise<ChainSession> {
      if (rig === undefined) throw new Error('start first');
      return rig.transport.open(request(overrides), abort.signal);
    }

    const sum = (): number => expectedAddend({ firstBlock: 0, blockCount: 2 * hosts.length });
    const rows = (...firsts: number[]): Float32Array =>
      Float32Array.from(firsts.flatMap((first) => [first, first + 0.25, first + 0.5, first + 0.75]));
    const freed = async (): Promise<void> => {
      await expect
        .poll(() => hosts.map((host) => host.usage().sessions), { interval: 5, timeout: 10_000 })
        .toEqual(hosts.map(() => 0));
    };

    it('runs rows through every hop in order and returns them', async () => {
      await start([{}, {}, {}]);
      const session = await open();
      expect(await session.forward(rows(0, 10), 2, 2)).toEqual(rows(0, 10).map((value) => value + sum()));
      session.close();
      await freed();
    });

    it('returns only the last rows asked for', async () => {
      await start([{}, {}]);
      const session = await open();
      expect(await session.forward(rows(0, 10, 20), 3, 1)).toEqual(rows(20).map((value) => value + sum()));
      expect(await session.forward(rows(5), 1, 0)).toEqual(new Float32Array(0));
      session.close();
    });

    it('keeps the order of steps that are under way together', async () => {
      await start([{ stepMs: 3 }, { stepMs: 1 }]);
      const session = await open();
      const answers = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((i) => session.forward(rows(i), 1, 1)));
      expect(answers).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => rows(i).map((value) => value + sum())));
      session.close();
    });

    it('works on a chunk at one hop while the next chunk is at the hop before', async () => {
      await start([{ stepMs: 50 }, { stepMs: 50 }]);
      const session = await open();
      const startMs = performance.now();
      await Promise.all([0, 1, 2, 3].map((i) => session.forward(rows(i), 1, i === 3 ? 1 : 0)));
      const steps = (performance.now() - startMs) / 50;
      expect(steps).toBeGreaterThan(4.5);
      expect(steps).toBeLessThan(6.8);
      session.close();
    });

    it('refuses more steps under way than the limit, and goes on', async () => {
      await start([{ stepMs: 5 }]);
      const session = await open();
      const steps = Array.from({ length: MAX_STEPS_UNDER_WAY }, (_, i) => session.forward(rows(i), 1, 0));
      await expect(session.forward(rows(9), 1, 1)).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await Promise.all(steps);
      expect(await session.forward(rows(9), 1, 1)).toHaveLength(HIDDEN);
      session.close();
    });

    it('refuses rows beyond the reserved tokens and malformed rows without sending them', async () => {
      await start([{}]);
      const session = await open({ maxTokens: 3 });
      await session.forward(rows(0, 1), 2, 0);
      await expect(session.forward(rows(0, 1), 2, 0)).rejects.toMatchObject({ code: 'DSP_CONTEXT_TOO_LONG' });
      await expect(session.forward(rows(0, 1), 1, 0)).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await expect(session.forward(rows(0), 1, 2)).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await expect(session.forward(rows(Number.NaN), 1, 1)).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      expect(hosts[0]?.stepsRun).toBe(1);
      expect(await session.forward(rows(0), 1, 1)).toHaveLength(HIDDEN);
      session.close();
    });

    it('tells how long each hop took and computed', async () => {
      await start([{ stepMs: 20 }, { stepMs: 5 }]);
      const session = await open();
      await session.forward(rows(0), 1, 1);
      await session.forward(rows(0), 1, 1);
      const [first, second] = session.hopTimings();
      expect(first).toMatchObject({ serverId: 's0', steps: 2 });
      expect(first?.computeSeconds).toBeCloseTo(traits.isComputeTold ? 0.04 : 0);
      expect(first?.roundTripSeconds).toBeGreaterThan(0.035);
      expect(second).toMatchObject({ serverId: 's1', steps: 2 });
      expect(second?.roundTripSeconds).toBeLessThan(first?.roundTripSeconds ?? 0);
      session.close();
    });

    it('throws the refusal of a full cache and frees the hops that had opened', async () => {
      await start([{}, { cacheTokens: 10 }]);
      await expect(open()).rejects.toMatchObject({ code: 'DSP_CACHE_FULL', serverId: 's1' });
      await freed();
    });

    it('throws the refusal of a server that does not host the blocks', async () => {
      await start([{}, { hosted: { firstBlock: 4, blockCount: 2 } }]);
      await expect(open()).rejects.toMatchObject({ code: 'DSP_SPAN_NOT_HOSTED', serverId: 's1' });
      await freed();
    });

    it.runIf(traits.isModelNamed)('blames a server that hosts another model', async () => {
      await start([{ modelId: 'other-model' }]);
      await expect(open()).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's0' });
    });

    it('blames a server that answers with values that are not finite', async () => {
      await start([{}, { spoil: (output) => output.fill(Number.POSITIVE_INFINITY, 1, 2) }, {}]);
      const session = await open();
      await expect(session.forward(rows(0), 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's1' });
      expect(hosts[2]?.stepsRun).toBe(0);
      await freed();
    });

    it('blames a server that answers with too few rows', async () => {
      await start([{ spoil: (output) => output.slice(0, 1) }, {}]);
      const session = await open();
      await expect(session.forward(rows(0, 1), 2, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's0' });
      await freed();
    });

    it('blames a server whose step fails', async () => {
      await start([
        {},
        {
          spoil: () => {
            throw new Error('out of memory');
          },
        },
      ]);
      const session = await open();
      await expect(session.forward(rows(0), 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT', serverId: 's1' });
      await freed();
    });

    it('gives up on a server that does not answer a step in time', async () => {
      await start([{}, { stepMs: 1_000 }]);
      const session = await open({ stepTimeoutMs: 60 });
      const startMs = performance.now();
      await expect(session.forward(rows(0), 1, 1)).rejects.toMatchObject({ code: 'DSP_STEP_TIMEOUT', serverId: 's1' });
      expect(performance.now() - startMs).toBeLessThan(300);
      await freed();
    });

    it('gives each answer its own limit', async () => {
      await start([{ stepMs: 40 }]);
      const session = await open({ stepTimeoutMs: 120 });
      await Promise.all([0, 1, 2, 3, 4, 5].map((i) => session.forward(rows(i), 1, 1)));
      session.close();
    });

    it('rejects everything with the first failure', async () => {
      await start([{ stepMs: 500 }]);
      const session = await open({ stepTimeoutMs: 30 });
      const errors = await Promise.all(
        [0, 1].map((i) => session.forward(rows(i), 1, 1).catch((error: unknown) => error)),
      );
      expect(errors[0]).toMatchObject({ code: 'DSP_STEP_TIMEOUT' });
      expect(errors[1]).toBe(errors[0]);
      await expect(session.forward(rows(0), 1, 1)).rejects.toBe(errors[0]);
    });

    it('frees every hop at once when the client aborts', async () => {
      await start([{ stepMs: 20 }, {}, {}]);
      const session = await open();
      const step = session.forward(rows(0), 1, 1);
      abort.abort();
      await expect(step).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
      await freed();
    });

    it('opens nothing for a client that has left', async () => {
      await start([{}]);
      abort.abort();
      await expect(open()).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
      await freed();
    });

    it('frees every hop when the session is closed with steps under way, more than once', async () => {
      await start([{ stepMs: 10 }, {}]);
      const session = await open();
      const step = session.forward(rows(0), 1, 1);
      session.close();
      session.close();
      await expect(step).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
      await freed();
    });

    it('fails open sessions as lost when the transport is closed', async () => {
      await start([{ stepMs: 20 }]);
      const session = await open();
      const step = session.forward(rows(0), 1, 1);
      step.catch(() => {});
      await rig?.transport.close();
      await expect(step).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
      await expect(open()).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
      await freed();
    });

    it('tells of an address where nobody is', async () => {
      await start([{}]);
      await expect(
        open({ hops: [{ serverId: 's9', address: '127.0.0.1:1', firstBlock: 0, blockCount: 2 }] }),
      ).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's9' });
    });

    it('refuses a request that no server could answer', async () => {
      await start([{}]);
      await expect(open({ hops: [] })).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await expect(open({ maxTokens: 0 })).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await expect(open({ sessionId: '' })).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
      await expect(open({ hiddenSize: 300_000 })).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
    });
  });
}
