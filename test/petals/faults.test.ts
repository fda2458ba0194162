import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPetalsTransport } from '../../src/adapters/chain-transport/petals/transport.ts';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import type { ChainTransport } from '../../src/application/ports/chain-transport.ts';
import { type LanguageModel, openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';
import { chainRequest, continueOver, generateOver, hopAt, REFERENCE } from './support/greedy-run.ts';
import { DHT_PREFIX, PetalsServer } from './support/petals-server.ts';

/** Far above what a step takes, also on a busy machine. */
const STEP_TIMEOUT_MS = 3_000;
/** How late a busy machine may tell that a time is over. */
const SLACK_MS = 5_000;

describe('PETALS servers that die or hang', () => {
  let model: LanguageModel;
  let steady: PetalsServer;
  let victim: PetalsServer;
  let network: PetalsNetwork;
  let transport: ChainTransport;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    model = await openLanguageModel(TINY_AUSTEN);
    steady = await PetalsServer.start({ blocks: '0:6' });
    network = new PetalsNetwork({ dialTimeoutMs: 10_000 });
    transport = createPetalsTransport({ dhtPrefix: DHT_PREFIX, network });
  });
  afterEach(async () => {
    await victim?.stop();
  });
  afterAll(async () => {
    await transport?.close();
    await network?.close();
    await steady?.stop();
    await model?.close();
  });

  /** A session over both servers that has run its prompt. */
  async function running(isPushHinted = false) {
    victim = await PetalsServer.start({ blocks: '3:6', peers: [steady.address] });
    const hops = [hopAt(steady, '0:3'), hopAt(victim, '3:6')];
    const hint = isPushHinted ? { prompt: { tokens: REFERENCE.prompt_tokens.length, steps: 1 } } : {};
    const session = await transport.open(
      chainRequest(model, hops, { stepTimeoutMs: STEP_TIMEOUT_MS, ...hint }),
      signal,
    );
    expect(await continueOver(session, model, REFERENCE.prompt_tokens, 5, 256)).toEqual(
      REFERENCE.greedy_tokens.slice(0, 5),
    );
    return { session, serverId: hops[1]?.serverId };
  }

  /** What the next step ends with, and after how long. */
  async function nextStep(session: Awaited<ReturnType<typeof running>>['session']) {
    const startMs = performance.now();
    const outcome = await session.forward(model.embed([1]), 1, 1).catch((error: unknown) => error);
    return { outcome, tookMs: performance.now() - startMs };
  }

  it('loses a server whose processes are all killed, at once', async () => {
    const { session, serverId } = await running();
    victim.kill();
    const { outcome, tookMs } = await nextStep(session);
    expect(outcome).toMatchObject({ code: 'DSP_SERVER_LOST', serverId });
    expect(tookMs).toBeLessThan(STEP_TIMEOUT_MS);
  });

  it('gives up within the step timeout on a server whose main process alone was killed', async () => {
    const { session, serverId } = await running();
    victim.killMainProcess();
    const { outcome, tookMs } = await nextStep(session);
    expect(outcome).toMatchObject({ code: expect.stringMatching(/DSP_STEP_TIMEOUT|DSP_SERVER_LOST/), serverId });
    expect(tookMs).toBeLessThan(STEP_TIMEOUT_MS + SLACK_MS);
  });

  it.each([
    ['steps that travel hop by hop', false],
    ['steps that are pushed to it', true],
  ])(
    'gives up within the step timeout on a server that hangs, for %s, and reaches it again later',
    async (_, isPushed) => {
      const { session, serverId } = await running(isPushed);
      victim.freeze();
      const { outcome, tookMs } = await nextStep(session);
      expect(outcome).toMatchObject({ code: 'DSP_STEP_TIMEOUT', serverId });
      expect(tookMs).toBeLessThan(STEP_TIMEOUT_MS + SLACK_MS);
      // Opening at a server that hangs ends in time as well.
      const startMs = performance.now();
      const opening = transport.open(
        chainRequest(model, [hopAt(victim, '3:6')], { stepTimeoutMs: STEP_TIMEOUT_MS }),
        signal,
      );
      await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/DSP_STEP_TIMEOUT|DSP_SERVER_LOST/) });
      expect(performance.now() - startMs).toBeLessThan(STEP_TIMEOUT_MS + SLACK_MS);
      victim.thaw();
      await expect
        .poll(
          () =>
            generateOver(transport, model, [hopAt(steady, '0:3'), hopAt(victim, '3:6')], { tokens: 8 }).catch(() => []),
          { timeout: 60_000 },
        )
        .toEqual(REFERENCE.greedy_tokens.slice(0, 8));
    },
  );
});
