import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dispatcherClient, type Message } from '../support/registering-client.ts';
import { type HarnessServer, SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };

describe('the gRPC service for clients', () => {
  let swarm: SwarmHarness;
  let server: HarnessServer;
  let client: ReturnType<typeof dispatcherClient>;

  beforeAll(async () => {
    swarm = await SwarmHarness.start({
      'planner.reserved_slots': 1,
      'scheduling.cache': 'slots',
      'scheduling.queue_limit': 1,
    });
    const bytes = 6 * swarm.dispatcher.shape.blockBytes + 6 * swarm.dispatcher.shape.cacheBytesPerBlock;
    server = await swarm.addServer('only', { memoryBytes: bytes, stepMs: 2 });
    await vi.waitFor(async () => expect((await swarm.get('/readyz')).status).toBe(200), SOON);
    client = dispatcherClient(swarm.dispatcher.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await swarm.stop();
  });

  /** Runs Generate to its end. */
  function generate(
    request: Message,
    onEvent: (events: Message[], cancel: () => void) => void = () => undefined,
  ): Promise<{ events: Message[]; code: number; details: string }> {
    return new Promise((resolve) => {
      const events: Message[] = [];
      const call = client['Generate']?.(request);
      let ended = { code: 0, details: '' };
      call.on('data', (event: Message) => {
        events.push(event);
        onEvent(events, () => call.cancel());
      });
      call.on('error', (error: { code: number; details: string }) => {
        ended = error;
      });
      call.on('close', () => resolve({ events, ...ended }));
      call.on('status', (end: { code: number; details: string }) =>
        resolve({ events, code: end.code, details: end.details }),
      );
    });
  }

  const unary = (
    method: string,
    request: Message,
    options: Message = {},
  ): Promise<{ reply?: Message; code: number; details: string }> =>
    new Promise((resolve) => {
      client[method]?.(request, options, (error: { code: number; details: string } | null, reply: Message) =>
        resolve(error === null ? { reply, code: 0, details: '' } : { code: error.code, details: error.details }),
      );
    });

  it('generates token by token, the last event with the finish reason and the counts', async () => {
    const { events, code } = await generate({
      modelId: 'default',
      prompt: 'It is a truth',
      maxOutputTokens: 5,
      sampling: { temperature: 0 },
    });
    expect(code).toBe(0);
    expect(events).toHaveLength(6);
    expect(events.at(-1)).toMatchObject({ finishReason: 'length', outputTokens: 5 });
    expect(Number(events.at(-1)?.['inputTokens'])).toBeGreaterThan(2);
    expect(events[0]?.['chainId']).toMatch(/^[0-9a-f]{12}$/);
  });

  it('gives the same tokens for the same seed', async () => {
    const request = { prompt: 'It is a truth', maxOutputTokens: 8, sampling: { temperature: 1.2, topP: 0.9, seed: 7 } };
    const tokens = ({ events }: { events: Message[] }): unknown[] => events.map((event) => event['token']);
    expect(tokens(await generate(request))).toEqual(tokens(await generate(request)));
  });

  it.each<[string, Message, number, RegExp]>([
    ['an unknown model', { modelId: 'gpt-99', prompt: 'x' }, status.NOT_FOUND, /tiny-austen/],
    ['nothing to begin with', { prompt: '' }, status.INVALID_ARGUMENT, /prompt/],
    ['both kinds of prompt', { prompt: 'x', promptTokens: [1] }, status.INVALID_ARGUMENT, /not both/],
    ['a token the model has not', { promptTokens: [5, 99_999] }, status.INVALID_ARGUMENT, /prompt\[1\]/],
    ['more tokens than fit', { prompt: 'x', maxOutputTokens: 100_000 }, status.INVALID_ARGUMENT, /session limit/],
    [
      'a temperature out of range',
      { prompt: 'x', sampling: { temperature: 9 } },
      status.INVALID_ARGUMENT,
      /sampling\.temperature/,
    ],
    ['an unknown priority', { prompt: 'x', priority: 'urgent' }, status.INVALID_ARGUMENT, /priority/],
    ['five stop texts', { prompt: 'x', stop: ['a', 'b', 'c', 'd', 'e'] }, status.INVALID_ARGUMENT, /stop/],
  ])('refuses %s by name', async (_, request, code, told) => {
    expect(await generate(request)).toMatchObject({ events: [], code, details: expect.stringMatching(told) });
  });

  it('frees the slot and the cache of a client that cancels', async () => {
    const { code } = await generate({ prompt: 'It is', maxOutputTokens: 400 }, (events, cancel) => {
      if (events.length === 3) cancel();
    });
    expect(code).toBe(status.CANCELLED);
    await expect.poll(() => swarm.metric('daisychain_chain_slots_in_use{'), SOON).toBe(0);
    await expect.poll(() => server.host.usage().sessions, SOON).toBe(0);
  });

  it('lends a chain, renews it, and takes it back; meanwhile others wait, and beyond the queue are refused', async () => {
    const request = { modelId: 'default', inputTokens: 10, maxOutputTokens: 10 };
    const { reply: lease } = await unary('Acquire', request);
    expect(lease).toMatchObject({
      hops: [{ serverId: 'only', protocol: 'grpc', span: { firstBlock: 0, blockCount: 6 } }],
      planEpoch: expect.any(Number),
    });
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(1);

    const late = unary('Acquire', request, { deadline: Date.now() + 300 });
    await expect.poll(() => swarm.metric('daisychain_queue_length'), SOON).toBe(1);
    expect((await unary('Acquire', request)).code).toBe(status.RESOURCE_EXHAUSTED);
    expect((await late).code).toBe(status.DEADLINE_EXCEEDED);
    await expect.poll(() => swarm.metric('daisychain_queue_length'), SOON).toBe(0);

    const patient = unary('Acquire', request);
    await expect.poll(() => swarm.metric('daisychain_queue_length'), SOON).toBe(1);
    expect((await unary('Renew', { leaseId: lease?.['leaseId'] })).reply).toMatchObject({
      leaseId: lease?.['leaseId'],
    });
    expect((await unary('Release', { leaseId: lease?.['leaseId'], succeeded: true })).code).toBe(0);
    const next = (await patient).reply;
    expect(next?.['leaseId']).not.toBe(lease?.['leaseId']);
    expect((await unary('Release', { leaseId: lease?.['leaseId'] })).code).toBe(status.NOT_FOUND);
    expect((await unary('Renew', { leaseId: 'guess' })).code).toBe(status.NOT_FOUND);
    await unary('Release', { leaseId: next?.['leaseId'], succeeded: false, failedServerId: 'only' });
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
    // What a client says of a server does not exclude it.
    expect((await swarm.servers())['only']?.state).toBe('serving');
  });

  it.each<[string, Message, number]>([
    ['no input', { modelId: 'default', inputTokens: 0, maxOutputTokens: 5 }, status.INVALID_ARGUMENT],
    ['no output', { modelId: 'default', inputTokens: 5, maxOutputTokens: 0 }, status.INVALID_ARGUMENT],
    [
      'more than a session holds',
      { modelId: 'default', inputTokens: 500, maxOutputTokens: 500 },
      status.INVALID_ARGUMENT,
    ],
    ['another model', { modelId: 'other', inputTokens: 5, maxOutputTokens: 5 }, status.NOT_FOUND],
  ])('lends no chain for %s', async (_, request, code) => {
    expect((await unary('Acquire', request)).code).toBe(code);
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
  });
});
