import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChainSessions } from '../../src/adapters/chain-transport/chain-session.ts';
import { createPetalsConnector, createPetalsTransport } from '../../src/adapters/chain-transport/petals/transport.ts';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import type { ChainTransport } from '../../src/application/ports/chain-transport.ts';
import type { LanguageModel } from '../../src/language-model/open-language-model.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';
import { chainRequest, continueOver, generateOver, hopAt, REFERENCE } from './support/greedy-run.ts';
import { DHT_PREFIX, PetalsServer } from './support/petals-server.ts';

/** 240 tokens: several chunks, within the model's context with a few tokens of output. */
const LONG_PROMPT = Array.from(
  { length: 240 },
  (_, i) => REFERENCE.prompt_tokens[i % REFERENCE.prompt_tokens.length] as number,
);

describe('chains of real PETALS servers', () => {
  let model: LanguageModel;
  let a: PetalsServer; // blocks 0:6
  let b: PetalsServer; // blocks 2:6
  let c: PetalsServer; // blocks 4:6
  let network: PetalsNetwork;
  let transport: ChainTransport;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    model = await openLanguageModel(TINY_AUSTEN, {
      onFailure: (error) => {
        throw error;
      },
    });
    a = await PetalsServer.start({ blocks: '0:6', cacheTokens: 1000 });
    [b, c] = (await Promise.all(
      ['2:6', '4:6'].map((blocks) => PetalsServer.start({ blocks, peers: [a.address] })),
    )) as [PetalsServer, PetalsServer];
    network = new PetalsNetwork();
    transport = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network, isPushAllowed: true });
  });
  afterAll(async () => {
    await transport?.close();
    await network?.close();
    await Promise.all([a, b, c].map((server) => server?.stop()));
    await model?.close();
  });

  const freeCache = async (server: PetalsServer): Promise<number> =>
    (await askServerInfo(network, server.address, '', 5_000)).cacheTokensAvailable;
  const freed = async (server: PetalsServer, tokens: number): Promise<void> => {
    await expect.poll(() => freeCache(server), { interval: 20, timeout: 20_000 }).toBe(tokens);
  };

  it.each([
    ['one server', ['0:6']],
    ['two servers', ['0:2', '2:6']],
    ['two servers, cut elsewhere', ['0:5', '5:6']],
    ['three servers', ['0:2', '2:4', '4:6']],
    ['three servers, cut elsewhere', ['0:3', '3:5', '5:6']],
  ])('gives the reference tokens over %s', async (_, cuts) => {
    const hops = cuts.map((blocks, i) => hopAt([a, b, c][i] as PetalsServer, blocks));
    expect(await generateOver(transport, model, hops)).toEqual(REFERENCE.greedy_tokens);
  });

  it.each([
    ['two servers', ['0:3', '3:6']],
    ['three servers', ['0:2', '2:4', '4:6']],
  ])('gives the reference tokens over %s that push their output to one another', async (_, cuts) => {
    const hops = cuts.map((blocks, i) => hopAt([a, b, c][i] as PetalsServer, blocks));
    expect(await generateOver(transport, model, hops, { isPushHinted: true })).toEqual(REFERENCE.greedy_tokens);
  });

  it('goes on hop by hop when pushes do not arrive', async () => {
    // A server's daemon cannot call itself, so nothing that this one pushes arrives.
    const hops = [hopAt(a, '0:3'), hopAt(a, '3:6')];
    const request = chainRequest(model, hops, { prompt: { tokens: 18, steps: 1 } });
    const startMs = performance.now();
    const session = await transport.open(request, signal);
    expect(performance.now() - startMs).toBeGreaterThan(1_500);
    const tokens = await continueOver(session, model, REFERENCE.prompt_tokens, 20, 256);
    expect(tokens).toEqual(REFERENCE.greedy_tokens.slice(0, 20));
    session.close();
    const secondMs = performance.now();
    (await transport.open({ ...request, sessionId: 'again' }, signal)).close();
    // It waited for no push: that takes 2 s.
    expect(performance.now() - secondMs).toBeLessThan(2_000);
  });

  it('gives the same tokens when a long prompt comes in chunks that follow one another', async () => {
    const hops = [hopAt(a, '0:2'), hopAt(b, '2:4'), hopAt(c, '4:6')];
    const whole = await generateOver(transport, model, hops, { prompt: LONG_PROMPT, tokens: 8 });
    const chunked = await generateOver(transport, model, hops, { prompt: LONG_PROMPT, tokens: 8, chunkTokens: 32 });
    expect(chunked).toEqual(whole);
  });

  it('works on a chunk at the second server while the first one takes the next chunk', async () => {
    const connector = createPetalsConnector({ dhtPrefix: DHT_PREFIX, network });
    const sentMs: number[][] = [[], []];
    const answeredMs: number[][] = [[], []];
    const answered: number[][] = [[], []];
    const sessions = new ChainSessions((request, hop, listener) => {
      const index = request.hops.indexOf(hop);
      const link = connector.connect(request, hop, {
        ...listener,
        opened: () => listener.opened(),
        failed: (error) => listener.failed(error),
        answered: (step, hidden, seconds) => {
          answeredMs[index]!.push(performance.now());
          answered[index]!.push(step);
          listener.answered(step, hidden, seconds);
        },
      });
      return {
        send: (step) => {
          sentMs[index]!.push(performance.now());
          link.send(step);
        },
        close: () => link.close(),
      };
    });
    const session = await sessions.open(chainRequest(model, [hopAt(a, '0:2'), hopAt(b, '2:6')]), signal);
    await continueOver(session, model, LONG_PROMPT, 1, 40);
    session.close();
    expect(answered).toEqual([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ]);
    // The second server has twice the blocks: while it works on chunk i, the first one ends chunk i + 1.
    const overlaps = [0, 1, 2, 3, 4].filter((i) => answeredMs[0]![i + 1]! < answeredMs[1]![i]!);
    expect(overlaps.length).toBeGreaterThan(0);
  });

  it('lets a session wait for a full cache, and serves it when there is room', async () => {
    const before = await freeCache(a);
    const patient = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network, allocTimeoutMs: 15_000 });
    const first = await patient.open(chainRequest(model, [hopAt(a, '0:6')], { maxTokens: 900 }), signal);
    const second = patient.open(chainRequest(model, [hopAt(a, '0:6')], { maxTokens: 900 }), signal);
    setTimeout(() => first.close(), 500);
    const session = await second;
    expect(await session.forward(new Float32Array(model.hiddenSize).fill(0.1), 1, 1)).toHaveLength(model.hiddenSize);
    session.close();
    await freed(a, before);
  });

  it('refuses with DSP_CACHE_FULL when the cache stays full', async () => {
    const impatient = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network, allocTimeoutMs: 300 });
    const first = await impatient.open(chainRequest(model, [hopAt(a, '0:6')], { maxTokens: 900 }), signal);
    await expect(
      impatient.open(chainRequest(model, [hopAt(a, '0:6')], { maxTokens: 900 }), signal),
    ).rejects.toMatchObject({
      code: 'DSP_CACHE_FULL',
      serverId: hopAt(a, '0:6').serverId,
    });
    first.close();
  });

  it('frees the cache at every hop when a request is cancelled in the middle of a step', async () => {
    const before = await Promise.all([a, b].map(freeCache));
    const abort = new AbortController();
    const session = await transport.open(chainRequest(model, [hopAt(a, '0:3'), hopAt(b, '3:6')]), abort.signal);
    expect(await freeCache(a)).toBe(before[0]! - 3 * 300);
    const step = session.forward(new Float32Array(200 * model.hiddenSize).fill(0.1), 200, 1);
    abort.abort();
    await expect(step).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await freed(a, before[0]!);
    await freed(b, before[1]!);
  });

  it('tells blocks that are not hosted, and sessions that are too long, from faults', async () => {
    await expect(transport.open(chainRequest(model, [hopAt(c, '0:6')]), signal)).rejects.toMatchObject({
      code: 'DSP_SPAN_NOT_HOSTED',
    });
    await expect(
      transport.open(chainRequest(model, [hopAt(a, '0:6')], { maxTokens: 9_000 }), signal),
    ).rejects.toMatchObject({ code: expect.stringMatching(/DSP_CONTEXT_TOO_LONG|DSP_CACHE_FULL/) });
  });

  it('sends float16 when told to, with nearly the same outputs', async () => {
    const half = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network, hiddenDtype: 'float16' });
    // A third is a number that float16 has to round.
    const input = model.embed(REFERENCE.prompt_tokens).map((value) => value / 3);
    const outputs = await Promise.all(
      [transport, half].map(async (way) => {
        const session = await way.open(chainRequest(model, [hopAt(a, '0:6')]), signal);
        const output = await session.forward(input, REFERENCE.prompt_tokens.length, 1);
        session.close();
        return output;
      }),
    );
    const scale = Math.max(...outputs[0]!.map(Math.abs));
    const worst = Math.max(...outputs[0]!.map((value, i) => Math.abs(value - outputs[1]![i]!)));
    expect(worst).toBeGreaterThan(0);
    expect(worst / scale).toBeLessThan(0.02);
  });
});
