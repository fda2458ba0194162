import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPetalsTransport } from '../../src/adapters/chain-transport/petals/transport.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { ServeProcess } from '../support/serve-process.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';
import { hopAt, REFERENCE } from './support/greedy-run.ts';
import { DHT_PREFIX, PetalsServer } from './support/petals-server.ts';

/** Room for three blocks of tiny-austen in float32 (4.8 MB) and a few sessions. */
const THREE_BLOCKS = '8MB';

interface ServerList {
  readonly servers: readonly {
    readonly server_id: string;
    readonly state: string;
    readonly cache_bytes_free?: number;
  }[];
}

describe('a dispatcher in front of a PETALS swarm', () => {
  let first: PetalsServer;
  let second: PetalsServer;
  let serve: ServeProcess | undefined;
  let agent: AgentProcess | undefined;
  let text: string;

  beforeAll(async () => {
    const model = await openLanguageModel(TINY_AUSTEN, { onFailure: () => {} });
    text = model.decode(REFERENCE.greedy_tokens);
    await model.close();
    first = await PetalsServer.start({ blocks: '0:3', cacheTokens: 1100, updatePeriodSeconds: 1 });
    second = await PetalsServer.start({
      blocks: '3:6',
      peers: [first.address],
      cacheTokens: 1100,
      updatePeriodSeconds: 1,
    });
  });
  afterEach(async () => {
    agent?.child.kill('SIGTERM');
    await agent?.exited;
    agent = undefined;
    await serve?.stop();
    serve = undefined;
  });
  afterAll(async () => {
    await Promise.all([first, second].map((server) => server?.stop()));
  });

  function dispatcher(bootstrap: string, env: Readonly<Record<string, string>> = {}): ServeProcess {
    serve = new ServeProcess([], {
      DAISYCHAIN_SWARM__PETALS__BOOTSTRAP: bootstrap,
      DAISYCHAIN_SWARM__PETALS__DHT_PREFIX: DHT_PREFIX,
      DAISYCHAIN_SWARM__HEARTBEAT_INTERVAL_SECONDS: '0.5',
      DAISYCHAIN_SWARM__LEASE_SECONDS: '20',
      ...env,
    });
    return serve;
  }

  async function completion(
    running: ServeProcess,
  ): Promise<{ status: number; text: string | undefined; chain: string | null }> {
    const prompt = REFERENCE.prompt_tokens;
    const response = await running.post('/v1/completions', {
      model: 'default',
      prompt,
      max_tokens: 60,
      temperature: 0,
    });
    const body = (await response.json()) as { choices?: { text: string }[] };
    return {
      status: response.status,
      text: body.choices?.[0]?.text,
      chain: response.headers.get('x-daisychain-chain'),
    };
  }

  async function servers(running: ServeProcess): Promise<ServerList['servers']> {
    return ((await (await fetch(`${running.url}/admin/v1/servers`)).json()) as ServerList).servers;
  }

  async function states(running: ServeProcess): Promise<Record<string, string>> {
    return Object.fromEntries((await servers(running)).map(({ server_id, state }) => [server_id, state]));
  }

  async function chain(running: ServeProcess): Promise<unknown> {
    const { chains } = (await (await fetch(`${running.url}/admin/v1/chains`)).json()) as { chains: unknown[] };
    return chains[0];
  }

  it('finds both servers from the address of one, and answers with their blocks', async () => {
    const running = dispatcher(second.address);
    await running.ready(90_000);
    expect(await states(running)).toEqual({ [first.peerId]: 'serving', [second.peerId]: 'serving' });
    expect(await completion(running)).toMatchObject({ status: 200, text });
    const together = await Promise.all([
      completion(running),
      completion(running),
      completion(running),
      completion(running),
    ]);
    expect(together.map((answer) => answer.text)).toEqual([text, text, text, text]);
  });

  it('lets requests wait while other clients hold the cache of a server, and serves them when there is room', async () => {
    const others = createPetalsTransport({ dhtPrefix: DHT_PREFIX });
    /** All of the first server's cache. */
    const hold = () =>
      others.open(
        {
          ...{ sessionId: `held-${performance.now()}`, modelId: '', hiddenSize: 192, planEpoch: 1 },
          ...{ hops: [hopAt(first, '0:3')], maxTokens: 1100, stepTimeoutMs: 15_000 },
        },
        new AbortController().signal,
      );
    try {
      // Met full: it is a member all the same.
      let held = await hold();
      const running = dispatcher(second.address);
      await running.ready(90_000);
      expect(await chain(running)).toMatchObject({ slots: 1 });
      let isAnswered = false;
      const early = completion(running).finally(() => {
        isAnswered = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(isAnswered).toBe(false);
      held.close();
      expect(await early).toMatchObject({ status: 200, text });
      // Free for the first time: now it is seen how much there is.
      await expect.poll(() => chain(running), { timeout: 60_000 }).toMatchObject({ slots: 2 });
      // Filled while it is a member: requests are not even sent.
      held = await hold();
      const free = async (): Promise<number | undefined> =>
        (await servers(running)).find(({ server_id }) => server_id === first.peerId)?.cache_bytes_free;
      await expect.poll(free, { timeout: 60_000 }).toBe(0);
      // Two reports in a row count, as one may have crossed the end of a session.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const late = completion(running);
      await expect.poll(() => running.metric('daisychain_queue_length'), { timeout: 60_000 }).toBe(1);
      expect(await chain(running)).toMatchObject({ slots_in_use: 0 });
      held.close();
      expect(await late).toMatchObject({ status: 200, text });
    } finally {
      await others.close();
    }
  });

  it('runs a chain of a PETALS server and a built-in one', async () => {
    // Blocks 3 to 5 come from the agent alone: the second server is not in the swarm that is followed.
    const alone = await PetalsServer.start({ blocks: '0:3', cacheTokens: 1100, updatePeriodSeconds: 1 });
    try {
      const running = dispatcher(alone.address);
      await expect.poll(() => running.stdout, { timeout: 60_000 }).toMatch(/listens/);
      const grpc = /gRPC (\S+?)[,;]/.exec(running.stdout)?.[1] ?? '';
      agent = startAgent(grpc, ['--memory-bytes', THREE_BLOCKS]);
      await running.ready(90_000);
      const answer = await completion(running);
      expect(answer).toMatchObject({ status: 200, text });
      const chains = await (await fetch(`${running.url}/admin/v1/chains`)).text();
      expect(chains).toContain(alone.peerId);
      expect(chains).toContain('agent-1');
    } finally {
      await alone.stop();
    }
  });

  it('goes on with the same text when a server dies in the middle of it', async () => {
    const third = await PetalsServer.start({
      blocks: '3:6',
      peers: [first.address],
      cacheTokens: 1100,
      updatePeriodSeconds: 1,
    });
    try {
      const running = dispatcher(first.address, { DAISYCHAIN_SWARM__STEP_TIMEOUT_SECONDS: '8' });
      await running.ready(90_000);
      await expect
        .poll(() => states(running), { timeout: 60_000 })
        .toEqual({ [first.peerId]: 'serving', [second.peerId]: 'serving', [third.peerId]: 'serving' });
      const request = {
        model: 'default',
        prompt: REFERENCE.prompt_tokens,
        max_tokens: 60,
        temperature: 0,
        stream: true,
      };
      const response = await running.post('/v1/completions', request);
      const used = (await running.serversOf(response)).at(-1);
      expect([second.peerId, third.peerId]).toContain(used);
      let received = '';
      let isKilled = false;
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
        received += Buffer.from(piece).toString('utf8');
        if (isKilled || received.split('data: ').length < 10) continue;
        isKilled = true;
        (used === second.peerId ? second : third).kill();
      }
      const pieces = received.split('\n').filter((line) => line.startsWith('data: {'));
      const answer = pieces.map((line) => {
        const { choices = [] } = JSON.parse(line.slice(6)) as { choices?: { text: string }[] };
        return choices[0]?.text ?? '';
      });
      expect(isKilled).toBe(true);
      expect(answer.join('')).toBe(text);
    } finally {
      // One of the two is dead, and which one is up to the dispatcher: the next test wants exactly one alive.
      await Promise.all([second.stop(), third.stop()]);
      second = await PetalsServer.start({
        blocks: '3:6',
        peers: [first.address],
        cacheTokens: 1100,
        updatePeriodSeconds: 1,
      });
    }
  });

  it('loses a server that is killed, and takes it back when another one hosts its blocks', async () => {
    const running = dispatcher(first.address);
    await running.ready(90_000);
    second.kill();
    await expect.poll(() => states(running), { timeout: 60_000 }).toEqual({ [first.peerId]: 'serving' });
    expect((await fetch(`${running.url}/readyz`)).status).toBe(503);
    await second.stop();
    second = await PetalsServer.start({
      blocks: '2:6',
      peers: [first.address],
      cacheTokens: 1100,
      updatePeriodSeconds: 1,
    });
    await expect.poll(async () => (await fetch(`${running.url}/readyz`)).status, { timeout: 60_000 }).toBe(200);
    expect(await completion(running)).toMatchObject({ status: 200, text });
  });
});
