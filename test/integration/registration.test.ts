import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Message, validHello } from '../support/registering-client.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };

describe('a dispatcher that asks for a join token', () => {
  it('takes the token whose digest it was given, and nothing else', async () => {
    const token = 'a-token-for-servers-only';
    const digest = createHash('sha256').update(token).digest('hex');
    const swarm = await SwarmHarness.start({ 'security.join_tokens': `sha256:${digest}` });
    try {
      for (const joinToken of ['', 'another-token-altogether', `sha256:${digest}`]) {
        const refused = swarm.registeringClient();
        refused.send(validHello('stranger', { joinToken }));
        await expect.poll(() => refused.ended?.code, SOON).toBe(status.UNAUTHENTICATED);
      }
      const welcome = swarm.registeringClient();
      welcome.send(validHello('friend', { joinToken: token }));
      await expect.poll(() => welcome.received[0]?.['welcome'], SOON).toBeTruthy();
    } finally {
      await swarm.stop();
    }
  });
});

describe('a server that registers with a client of its own, made from the .proto files alone', () => {
  let swarm: SwarmHarness;

  beforeAll(async () => {
    swarm = await SwarmHarness.start({
      'swarm.lease_seconds': 1,
      'swarm.heartbeat_interval_seconds': 0.3,
      'swarm.load_timeout_seconds': 1.5,
    });
  });
  afterAll(() => swarm.stop());

  it('is welcomed, gets its span with the cache that is left, and serves once it says so', async () => {
    const server = swarm.registeringClient();
    server.send(validHello('by-hand'));
    await expect
      .poll(() => server.received[0]?.['welcome'], SOON)
      .toMatchObject({ heartbeatIntervalSeconds: 0.3, leaseSeconds: 1 });
    await expect.poll(() => server.orders()[0]?.span, SOON).toMatchObject({ firstBlock: 0, blockCount: 6 });
    const [order] = server.orders();
    expect(order?.cacheBytes).toBe(20_000_000 - 6 * swarm.dispatcher.shape.blockBytes);
    expect((await swarm.servers())['by-hand']?.state).toBe('loading');
    expect((await swarm.get('/readyz')).status).toBe(503);

    server.send({ spanReady: { planEpoch: order?.planEpoch, span: order?.span } });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    server.send({ leaving: { reason: 'enough' } });
    await expect.poll(() => server.received.some((message) => message['drained'] != null), SOON).toBe(true);
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(503);
    server.close();
    await expect.poll(async () => (await swarm.servers())['by-hand'], SOON).toBeUndefined();
    expect(await swarm.metric('daisychain_server_losses_total{reason="left"')).toBe(1);
  });

  it('is lost within one lease when it falls silent, and its stream is ended with the reason', async () => {
    const server = swarm.registeringClient();
    server.send(validHello('silent'));
    await expect.poll(async () => (await swarm.servers())['silent']?.state, SOON).toBeDefined();
    await expect.poll(async () => (await swarm.servers())['silent'], SOON).toBeUndefined();
    await expect.poll(() => server.ended?.details, SOON).toContain('whole lease');
  });

  it('is planned around when it never becomes ready', async () => {
    const lazy = swarm.registeringClient();
    lazy.send(validHello('lazy'));
    const beats = setInterval(() => lazy.send({ heartbeat: { cacheBytesFree: 1, sessions: 0 } }), 200);
    try {
      await expect.poll(() => lazy.orders().length, SOON).toBeGreaterThan(0);
      await expect.poll(async () => (await swarm.servers())['lazy']?.state, SOON).toBe('excluded');
      const able = await swarm.addServer('able');
      await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
      await able.leave();
    } finally {
      clearInterval(beats);
      lazy.close();
    }
  });

  it('replaces its own older stream when it joins again', async () => {
    const older = swarm.registeringClient();
    older.send(validHello('twice'));
    await expect.poll(() => older.received.length, SOON).toBeGreaterThan(0);
    const newer = swarm.registeringClient();
    newer.send(validHello('twice', { memoryBytes: 30_000_000 }));
    await expect.poll(() => newer.received.length, SOON).toBeGreaterThan(0);
    await expect.poll(() => older.ended?.details, SOON).toContain('replaces');
    // The end of the older stream must not take the newer registration with it.
    expect((await swarm.servers())['twice']).toMatchObject({ memory_bytes: 30_000_000 });
    newer.close();
  });

  it.each<[string, Message, number, RegExp]>([
    ['no id', { serverId: '' }, status.INVALID_ARGUMENT, /^server_id: /],
    ['an id with spaces', { serverId: 'a b' }, status.INVALID_ARGUMENT, /^server_id: /],
    ['another model', { modelId: 'llama-900b' }, status.FAILED_PRECONDITION, /^model_id: .*tiny-austen/],
    ['another dtype', { dtype: 'int8' }, status.FAILED_PRECONDITION, /^dtype: .*'int8': start it with --dtype float32/],
    ['other weights', { weightsDigest: 'sha256:0' }, status.FAILED_PRECONDITION, /^weights_digest: /],
    ['a session token that fits no header', { sessionToken: 'a b' }, status.INVALID_ARGUMENT, /^session_token: /],
    ['a certificate that is none', { certificate: '-----BEGIN' }, status.INVALID_ARGUMENT, /^certificate: .*PEM/],
    ['an unknown protocol', { protocol: 'carrier-pigeon' }, status.INVALID_ARGUMENT, /^protocol: /],
    [
      'memory for not even one block',
      { memoryBytes: 1000 },
      status.FAILED_PRECONDITION,
      /^memory_bytes: .*--memory-bytes/,
    ],
    ['absurd memory', { memoryBytes: 2 ** 60 }, status.INVALID_ARGUMENT, /^memory_bytes: /],
    [
      'an address elsewhere',
      { address: '169.254.169.254:80' },
      status.FAILED_PRECONDITION,
      /^address: .*connects from/,
    ],
    ['a name elsewhere', { address: 'example.com:443' }, status.FAILED_PRECONDITION, /^address: /],
    ['an address of another scheme', { address: 'unix:/etc/passwd' }, status.INVALID_ARGUMENT, /^address: /],
    ['no speed', { performance: null }, status.INVALID_ARGUMENT, /^performance: /],
    [
      'a speed that is not a number',
      {
        performance: {
          decodeSecondsPerTokenPerBlock: Number.NaN,
          prefillSecondsPerTokenPerBlock: 1,
          overheadSecondsPerBlock: 1,
        },
      },
      status.INVALID_ARGUMENT,
      /decode_seconds_per_token_per_block/,
    ],
    [
      'a negative speed',
      {
        performance: {
          decodeSecondsPerTokenPerBlock: 1,
          prefillSecondsPerTokenPerBlock: -1,
          overheadSecondsPerBlock: 1,
        },
      },
      status.INVALID_ARGUMENT,
      /prefill_seconds/,
    ],
    [
      'blocks the model has not',
      { hosted: { firstBlock: 4, blockCount: 3 } },
      status.FAILED_PRECONDITION,
      /^hosted: .*0\.\.5/,
    ],
    ['a pin without blocks', { pinned: true }, status.INVALID_ARGUMENT, /^hosted: /],
    [
      'a thousand labels',
      { labels: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'v'])) },
      status.INVALID_ARGUMENT,
      /^labels: /,
    ],
  ])('is refused in words its owner understands when it comes with %s', async (_, overrides, code, told) => {
    const server = swarm.registeringClient();
    server.send(validHello('refused', overrides));
    await expect.poll(() => server.ended, SOON).toMatchObject({ code, details: expect.stringMatching(told) });
    expect((await swarm.servers())['refused']).toBeUndefined();
    server.close();
  });

  it.each<[string, Message[]]>([
    ['something else than hello', [{ heartbeat: { sessions: 1 } }]],
    ['an empty message', [{}]],
    ['hello twice', [validHello('h2'), validHello('h2')]],
    [
      'a heartbeat with nonsense',
      [validHello('h3'), { heartbeat: { performance: { decodeSecondsPerTokenPerBlock: -5 } } }],
    ],
    ['a flood', [validHello('h4'), ...Array.from({ length: 200 }, () => ({ heartbeat: { sessions: 1 } }))]],
  ])('has its stream ended when it sends %s', async (_, messages) => {
    const server = swarm.registeringClient();
    for (const message of messages) server.send(message);
    await expect.poll(() => server.ended?.code, SOON).toBeDefined();
    expect([status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED]).toContain(server.ended?.code);
    await expect
      .poll(async () => Object.keys(await swarm.servers()).filter((id) => id.startsWith('h')), SOON)
      .toEqual([]);
    server.close();
  });

  it('is not believed when it says that another span or an older plan is ready', async () => {
    const liar = swarm.registeringClient();
    liar.send(validHello('liar'));
    await expect.poll(() => liar.orders().length, SOON).toBeGreaterThan(0);
    const epoch = liar.orders()[0]?.planEpoch ?? 0;
    liar.send({ spanReady: { planEpoch: epoch, span: { firstBlock: 1, blockCount: 2 } } });
    liar.send({ spanReady: { planEpoch: epoch + 7, span: { firstBlock: 0, blockCount: 6 } } });
    liar.send({ spanReady: { planEpoch: epoch } });
    liar.send({ heartbeat: { sessions: 9, cacheBytesFree: 9 } });
    await expect
      .poll(async () => (await swarm.servers())['liar'], SOON)
      .toMatchObject({ sessions: 9, state: 'loading' });
    liar.close();
  });
});

describe('a swarm that asks for a join token', () => {
  let swarm: SwarmHarness;

  beforeAll(async () => {
    swarm = await SwarmHarness.start({ 'security.join_tokens': 'a-token-of-at-least-16' });
  });
  afterAll(() => swarm.stop());

  it.each([
    ['without one', '', /--join-token/],
    ['with a wrong one', 'another-token-of-16', /not one of this swarm/],
  ])('refuses a server %s', async (_, joinToken, told) => {
    const server = swarm.registeringClient();
    server.send(validHello('s', { joinToken }));
    await expect
      .poll(() => server.ended, SOON)
      .toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringMatching(told) });
  });

  it('welcomes a server with the right one', async () => {
    const server = swarm.registeringClient();
    server.send(validHello('s', { joinToken: 'a-token-of-at-least-16' }));
    await expect.poll(() => server.received[0]?.['welcome'], SOON).toBeDefined();
  });
});
