import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dispatcherClient } from '../support/registering-client.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-tenants-'));
const keysFile = path.join(folder, 'keys.yaml');

describe('the limits of a key', () => {
  let swarm: SwarmHarness;

  beforeAll(async () => {
    writeFileSync(
      keysFile,
      `keys:
  - {key: key-of-the-frugal-tenant, tenant: frugal, requests_per_minute: 2}
  - {key: key-of-the-narrow-tenant, tenant: narrow, max_concurrency: 1}
  - {key: key-of-the-free-tenant, tenant: free}
`,
    );
    swarm = await SwarmHarness.start({ 'security.keys_file': keysFile });
    await swarm.addServer('one', { stepMs: 20 });
    await vi.waitFor(async () => expect((await swarm.get('/readyz')).status).toBe(200), { timeout: 10_000 });
  });
  afterAll(async () => {
    await swarm.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (key: string, maxTokens = 1): Promise<Response> =>
    fetch(`${swarm.dispatcher.httpUrl}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'default', prompt: 'hi', max_tokens: maxTokens }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    });

  it('hold for its requests per minute, and tell when to come back', async () => {
    expect((await ask('key-of-the-frugal-tenant')).status).toBe(200);
    expect((await ask('key-of-the-frugal-tenant')).status).toBe(200);
    const refused = await ask('key-of-the-frugal-tenant');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after-ms'))).toBeGreaterThan(0);
    const { error } = (await refused.json()) as { error: object };
    expect(error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    expect((await ask('key-of-the-free-tenant')).status).toBe(200);
  });

  it('hold over gRPC too, where nobody without a key comes in', async () => {
    const client = dispatcherClient(swarm.dispatcher.grpcAddress);
    const generate = (key: string | undefined): Promise<number> =>
      new Promise((resolve) => {
        const metadata = new Metadata();
        if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
        const call = client['Generate']?.({ modelId: 'default', prompt: 'hi', maxOutputTokens: 1 }, metadata);
        call.on('data', () => undefined);
        call.on('error', () => undefined);
        call.on('status', ({ code }: { code: number }) => resolve(code));
      });
    expect(await generate(undefined)).toBe(16);
    expect(await generate('key-of-the-frugal-tenant')).toBe(8);
    expect(await generate('key-of-the-free-tenant')).toBe(0);
    client.close();
  });

  it('hold for requests at once', async () => {
    const both = await Promise.all([ask('key-of-the-narrow-tenant', 8), ask('key-of-the-narrow-tenant', 8)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 429]);
    expect((await ask('key-of-the-narrow-tenant')).status).toBe(200);
  });
});

describe('a client that makes up a tenant for every request, where no keys are set', () => {
  const start = async (config: Record<string, string>): Promise<SwarmHarness> => {
    const swarm = await SwarmHarness.start({ 'scheduling.tenant_requests_per_minute': '3', ...config });
    await swarm.addServer('one', { stepMs: 1 });
    await vi.waitFor(async () => expect((await swarm.get('/readyz')).status).toBe(200), { timeout: 4_000 });
    return swarm;
  };
  const ask = async (swarm: SwarmHarness, tenant: string): Promise<number> => {
    const response = await fetch(`${swarm.dispatcher.httpUrl}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'default', prompt: 'hi', max_tokens: 1 }),
      headers: { 'content-type': 'application/json', 'x-daisychain-tenant': tenant },
    });
    await response.text();
    return response.status;
  };
  const generate = (swarm: SwarmHarness, tenant: string): Promise<number> => {
    const client = dispatcherClient(swarm.dispatcher.grpcAddress);
    return new Promise<number>((resolve) => {
      const call = client['Generate']?.(
        { modelId: 'default', prompt: 'hi', maxOutputTokens: 1, tenant },
        new Metadata(),
      );
      call.on('data', () => undefined);
      call.on('error', () => undefined);
      call.on('status', ({ code }: { code: number }) => resolve(code));
    }).finally(() => client.close());
  };

  it('is held to the limits of one, over HTTP and gRPC together', async () => {
    const swarm = await start({});
    try {
      expect([await ask(swarm, 'a'), await generate(swarm, 'b'), await ask(swarm, 'c')]).toEqual([200, 0, 200]);
      expect([await ask(swarm, 'd'), await generate(swarm, 'e')]).toEqual([429, 8]);
    } finally {
      await swarm.stop();
    }
  });

  it('is believed where names are trusted', async () => {
    const swarm = await start({ 'security.trust_tenant_names': 'true' });
    try {
      for (const tenant of ['a', 'b', 'c', 'd']) expect(await ask(swarm, tenant)).toBe(200);
      expect(await generate(swarm, 'e')).toBe(0);
    } finally {
      await swarm.stop();
    }
  });
});
