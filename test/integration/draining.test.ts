import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { validHello } from '../support/registering-client.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };
const REQUEST = { model: 'default', prompt: 'It is a truth', temperature: 0 };

/** Status of grpc.health.v1: 1 serving, 2 not serving. The answer is one field of one byte. */
async function grpcHealth(address: string): Promise<number | undefined> {
  const client = new Client(address, credentials.createInsecure());
  const bytes = (value: Buffer): Buffer => value;
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', bytes, bytes, Buffer.alloc(0), (error, reply) =>
        error === null ? resolve(reply?.[1]) : reject(error),
      ),
    );
  } finally {
    client.close();
  }
}

describe('draining', () => {
  let swarm: SwarmHarness;
  afterEach(() => swarm.stop());

  it('of a server by an operator lets its running request finish, gives it no new one, and then lets it go', async () => {
    swarm = await SwarmHarness.start();
    await swarm.addServer('a-fast', { stepMs: 5 });
    await swarm.addServer('b-slow', { slowness: 4 });
    await expect
      .poll(
        async () => Object.values(await swarm.servers()).filter((server) => server.state === 'serving').length,
        SOON,
      )
      .toBe(2);
    const running = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 60, stream: true });
    const chain = running.headers.get('x-daisychain-chain');
    expect((await swarm.post('/admin/v1/servers/a-fast/drain', {})).status).toBe(202);
    await expect.poll(async () => (await swarm.servers())['a-fast']?.state, SOON).toBe('draining');
    const next = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 1 });
    expect(next.status).toBe(200);
    expect(next.headers.get('x-daisychain-chain')).not.toBe(chain);
    expect(await running.text()).toContain('[DONE]');
    expect((await swarm.servers())['a-fast']?.state).toBe('draining');
    expect((await swarm.post('/admin/v1/servers/nobody/drain', {})).status).toBe(404);
  });

  it('of the dispatcher turns readiness off on both doors first, and lets running requests finish', async () => {
    swarm = await SwarmHarness.start();
    await swarm.addServer('only', { stepMs: 5 });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    expect(await grpcHealth(swarm.dispatcher.grpcAddress)).toBe(1);
    const running = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 60, stream: true });
    const drained = swarm.dispatcher.drain(5_000);
    const ready = await swarm.get('/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('shutting down');
    expect(await grpcHealth(swarm.dispatcher.grpcAddress)).toBe(2);
    expect((await swarm.get('/livez')).status).toBe(200);
    const refused = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 1 });
    expect(refused.status).toBe(503);
    expect(((await refused.json()) as { error: { code: string } }).error.code).toBe('draining');
    expect(await running.text()).toContain('[DONE]');
    await drained;
  });
});

describe('two agents with one server id', () => {
  let swarm: SwarmHarness;
  afterEach(() => swarm.stop());

  it('do not replace each other for ever: one is refused and told to take an id of its own', async () => {
    swarm = await SwarmHarness.start({ 'swarm.flap_limit': 3 });
    const agents = ['127.0.0.1:7001', '127.0.0.1:7002'];
    for (const address of [...agents, ...agents, ...agents]) {
      const client = swarm.registeringClient();
      client.send(validHello('twin', { address }));
      await expect.poll(() => client.received.length > 0 || client.ended !== undefined, SOON).toBe(true);
      if (client.ended === undefined) continue;
      expect(client.ended).toMatchObject({
        code: status.FAILED_PRECONDITION,
        details: expect.stringMatching(/^server_id: 'twin' is in use at .*--server-id/),
      });
      return;
    }
    expect.unreachable('no agent was refused');
  });
});
