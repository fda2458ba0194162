import { afterEach, describe, expect, it } from 'vitest';
import type { ChainSession, HopReplacement, TransportHop } from '../../src/application/ports/chain-transport.ts';
import { HistoryBudget } from '../../src/application/requests/history-budget.ts';
import type { Span } from '../../src/domain/model/span.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { breakingHosts, failsAfter, inputs } from '../support/breaking-hosts.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from '../support/memory-block-host.ts';
import type { ChainTransportRig } from './chain-transport.ts';

const HIDDEN = 4;
const MAX_TOKENS = 200;

/**
 * What a session with recovery promises, for every implementation. The hosts' outputs depend on all that they were fed.
 * @param randomRounds sessions in which anything may break; fewer where a rig takes long to start
 */
export function describeChainRecovery(
  name: string,
  startRig: (hosts: readonly MemoryBlockHost[]) => Promise<ChainTransportRig>,
  randomRounds = 25,
): void {
  describe(`recovery of a session over ${name}`, () => {
    let rig: ChainTransportRig;
    let hosts: MemoryBlockHost[] = [];
    let memory: HistoryBudget;
    let suspensions: number;
    let wakeUp: () => void = () => undefined;
    let session: ChainSession;

    afterEach(() => rig.close());

    const hop = (index: number, blocks?: Span): TransportHop => ({
      serverId: `s${index}`,
      address: rig.addresses[index] ?? '',
      ...(blocks ?? (hosts[index]?.hosted() as Span)),
    });
    const replacement = (...hops: readonly TransportHop[]): HopReplacement => ({
      sessionId: `again-${suspensions}-${Math.random()}`,
      planEpoch: 4,
      hops,
    });

    async function start(
      options: readonly (MemoryBlockHostOptions & { hosted: Span })[],
      chain: readonly number[],
      memoryBytes = 1_000_000,
    ): Promise<void> {
      hosts = options.map((option) => new MemoryBlockHost({ hiddenSize: HIDDEN, remembers: true, ...option }));
      rig = await startRig(hosts);
      memory = new HistoryBudget(memoryBytes);
      suspensions = 0;
      session = await rig.transport.open(
        {
          sessionId: 'session-1',
          modelId: 'test-model',
          hiddenSize: HIDDEN,
          planEpoch: 3,
          hops: chain.map((index) => hop(index)),
          maxTokens: MAX_TOKENS,
          stepTimeoutMs: 1_000,
          recovery: {
            firstInputs: inputs,
            memory,
            replayTokens: 5,
            suspended: () => {
              suspensions += 1;
              wakeUp();
            },
          },
        },
        new AbortController().signal,
      );
    }

    const suspended = (): Promise<void> =>
      new Promise((resolve) => {
        wakeUp = resolve;
        if (session.failures().length > 0) resolve();
      });

    /** A prompt in chunks that follow one another, then single steps; what each of them gave. */
    async function run(chunks: readonly number[], singles: number): Promise<Float32Array[]> {
      let position = 0;
      const next = (tokens: number): Promise<Float32Array> => {
        const step = session.forward(inputs(position, tokens), tokens, tokens);
        position += tokens;
        return step;
      };
      const answers = await Promise.all(chunks.map(next));
      for (let i = 0; i < singles; i += 1) answers.push(await next(1));
      return answers;
    }

    const A = { firstBlock: 0, blockCount: 2 };
    const B = { firstBlock: 2, blockCount: 2 };
    const C = { firstBlock: 4, blockCount: 2 };

    async function undisturbed(spans: readonly Span[], chunks: readonly number[], singles: number) {
      await start(
        spans.map((hosted) => ({ hosted })),
        spans.map((_, i) => i),
      );
      const answers = await run(chunks, singles);
      session.close();
      await rig.close();
      return answers;
    }

    const freed = async (): Promise<void> => {
      session.close();
      expect(memory.usedBytes).toBe(0);
      await expect
        .poll(() => hosts.map((host) => host.usage().sessions), { interval: 5, timeout: 10_000 })
        .toEqual(hosts.map(() => 0));
    };

    it.each([0, 1, 2])('goes on over another server in the place of hop %i, with the same answers', async (broken) => {
      const expected = await undisturbed([A, B, C], [7, 3], 12);
      const spans = [A, B, C];
      await start(
        [
          ...spans.map((hosted, i) => ({ hosted, ...(i === broken && { spoil: failsAfter(6) }) })),
          ...spans.map((hosted) => ({ hosted })),
        ],
        [0, 1, 2],
      );
      const answers = run([7, 3], 12);
      await suspended();
      expect(session.failures()).toMatchObject([
        { index: broken, serverId: `s${broken}`, error: { code: 'DSP_BAD_OUTPUT' } },
      ]);
      expect(session.replayableFrom(broken)).toBe(broken);
      await session.replaceHops(broken, 1, replacement(hop(3 + broken)));
      expect(await answers).toEqual(expected);
      // The hops that stayed were not asked anything twice.
      for (const kept of [0, 1, 2].filter((index) => index !== broken)) expect(hosts[kept]?.stepsRun).toBe(14);
      expect(suspensions).toBe(1);
      await freed();
    });

    it('replays a prompt that was under way in chunks', async () => {
      const chunks = [9, 9, 9, 9, 9, 9];
      const expected = await undisturbed([A, B, C], chunks, 3);
      await start([{ hosted: A }, { hosted: B, spoil: failsAfter(3) }, { hosted: C }, { hosted: B }], [0, 1, 2]);
      const answers = run(chunks, 3);
      await suspended();
      await session.replaceHops(1, 1, replacement(hop(3)));
      expect(await answers).toEqual(expected);
      await freed();
    });

    it('takes several hops in the place of one, and one in the place of several', async () => {
      const expected = await undisturbed(
        [A, { firstBlock: 2, blockCount: 1 }, { firstBlock: 3, blockCount: 1 }, C],
        [6, 6],
        8,
      );
      await start(
        [
          { hosted: A },
          { hosted: { firstBlock: 2, blockCount: 4 }, spoil: failsAfter(4) },
          { hosted: { firstBlock: 2, blockCount: 1 } },
          { hosted: { firstBlock: 3, blockCount: 1 } },
          { hosted: C },
        ],
        [0, 1],
      );
      const answers = run([6, 6], 8);
      await suspended();
      await session.replaceHops(1, 1, replacement(hop(2), hop(3), hop(4)));
      expect(await answers).toEqual(expected);
      await freed();
      await rig.close();

      await start(
        [
          { hosted: A },
          { hosted: B },
          { hosted: C, spoil: failsAfter(4) },
          { hosted: B },
          { hosted: C },
          { hosted: { firstBlock: 2, blockCount: 4 } },
        ],
        [0, 1, 2],
      );
      const split = run([6, 6], 8);
      await suspended();
      await session.replaceHops(1, 2, replacement(hop(5)));
      expect(await split).toEqual(expected);
      expect(hosts[0]?.stepsRun).toBe(10);
      await freed();
    });

    it('rebuilds from the first hop when the inputs found no room, and keeps the hops behind the lost one', async () => {
      const expected = await undisturbed([A, B, C], [7, 3], 12);
      await start(
        [{ hosted: A }, { hosted: B, spoil: failsAfter(6) }, { hosted: C }, { hosted: A }, { hosted: B }],
        [0, 1, 2],
        100,
      );
      const answers = run([7, 3], 12);
      await suspended();
      expect(session.replayableFrom(1)).toBe(0);
      await expect(session.replaceHops(1, 1, replacement(hop(4)))).rejects.toMatchObject({
        code: 'DSP_INVALID_ARGUMENT',
      });
      await session.replaceHops(0, 2, replacement(hop(3), hop(4)));
      expect(await answers).toEqual(expected);
      expect(hosts[2]?.stepsRun).toBe(14);
      await freed();
    });

    it('stays suspended when the replacement refuses, and takes another one', async () => {
      const expected = await undisturbed([A, B], [4], 6);
      await start(
        [{ hosted: A }, { hosted: B, spoil: failsAfter(3) }, { hosted: B, cacheTokens: 1 }, { hosted: B }],
        [0, 1],
      );
      const answers = run([4], 6);
      await suspended();
      await expect(session.replaceHops(1, 1, replacement(hop(2)))).rejects.toMatchObject({
        code: 'DSP_CACHE_FULL',
        serverId: 's2',
      });
      expect(session.failures()).toMatchObject([{ index: 1, error: { code: 'DSP_CACHE_FULL' } }]);
      await session.replaceHops(1, 1, replacement(hop(3)));
      expect(await answers).toEqual(expected);
      await freed();
    });

    it('survives a replacement that breaks during the replay', async () => {
      const expected = await undisturbed([A, B], [30], 6);
      await start(
        [{ hosted: A }, { hosted: B, spoil: failsAfter(3) }, { hosted: B, spoil: failsAfter(4) }, { hosted: B }],
        [0, 1],
      );
      const answers = run([30], 6);
      await suspended();
      await session.replaceHops(1, 1, replacement(hop(2)));
      await suspended();
      await session.replaceHops(1, 1, replacement(hop(3)));
      expect(await answers).toEqual(expected);
      expect(suspensions).toBe(2);
      await freed();
    });

    it('frees every cache when it is detached, and goes on over a whole new chain', async () => {
      const expected = await undisturbed([A, B], [4, 4], 6);
      await start([{ hosted: A, spoil: failsAfter(5) }, { hosted: B }, { hosted: A }, { hosted: B }], [0, 1]);
      const answers = run([4, 4], 6);
      await suspended();
      session.detach();
      expect(memory.usedBytes).toBe(0);
      await expect.poll(() => hosts.map((host) => host.usage().sessions)).toEqual([0, 0, 0, 0]);
      expect(session.failures().map(({ index }) => index)).toEqual([0, 1]);
      await session.replaceHops(0, 2, replacement(hop(2), hop(3)));
      expect(await answers).toEqual(expected);
      await freed();
    });

    it('refuses hops that do not cover the same blocks, and changes nothing', async () => {
      await start([{ hosted: A }, { hosted: B, spoil: failsAfter(2) }, { hosted: C }, { hosted: B }], [0, 1]);
      const answers = run([4], 3);
      await suspended();
      for (const hops of [[hop(2)], [hop(3, { firstBlock: 2, blockCount: 1 })], []])
        await expect(session.replaceHops(1, 1, replacement(...hops))).rejects.toMatchObject({
          code: 'DSP_INVALID_ARGUMENT',
        });
      await session.replaceHops(1, 1, replacement(hop(3)));
      expect(await answers).toHaveLength(4);
      await freed();
    });

    it('rejects what waits when it is closed while suspended', async () => {
      await start([{ hosted: A }, { hosted: B, spoil: failsAfter(2) }], [0, 1]);
      const answers = run([4], 3);
      answers.catch(() => undefined);
      await suspended();
      await freed();
      await expect(answers).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
      await expect(session.replaceHops(1, 1, replacement(hop(1)))).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    });

    it('gives the answers of an undisturbed run whatever breaks whenever', async () => {
      const seed = Number(process.env['TEST_SEED'] ?? 7);
      const rng = createRng(seed, 'recovery');
      for (let round = 0; round < randomRounds; round += 1) {
        const chunks = Array.from({ length: 1 + Math.floor(rng.next() * 5) }, () => 1 + Math.floor(rng.next() * 9));
        const singles = Math.floor(rng.next() * 8);
        const expected = await undisturbed([A, B, C], chunks, singles);
        await start(breakingHosts([A, B, C], rng), [0, 1, 2], rng.next() < 0.3 ? 200 : 1_000_000);
        let spare = [3, 6, 9];
        const repair = async (): Promise<void> => {
          for (let failure = session.failures()[0]; failure !== undefined; failure = session.failures()[0]) {
            const first = rng.next() < 0.2 ? 0 : session.replayableFrom(failure.index);
            const last = rng.next() < 0.2 ? 2 : failure.index;
            if (rng.next() < 0.1) session.detach();
            const from = session.replayableFrom(first);
            const hops = [0, 1, 2].slice(from, last + 1).map((index) => hop(spare[index] ?? 0));
            spare = spare.map((index, i) => (i >= from && i <= last && (index - 3) % 3 < 2 ? index + 1 : index));
            await session.replaceHops(from, last + 1 - from, replacement(...hops)).catch(() => undefined);
          }
        };
        let repairing = Promise.resolve();
        wakeUp = () => {
          repairing = repairing.then(repair);
        };
        expect(await run(chunks, singles), `seed ${seed}, round ${round}`).toEqual(expected);
        await repairing;
        await freed();
        if (round < randomRounds - 1) await rig.close();
      }
    });
  });
}
