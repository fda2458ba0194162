import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { ServeProcess } from '../support/serve-process.ts';

const SOON = { timeout: 30_000, interval: 50 };

interface ServerJson {
  readonly server_id: string;
  readonly state: string;
  readonly hosted: { readonly first_block: number; readonly block_count: number } | null;
}

/** A port that was free a moment ago: the restarted dispatcher must come back to the one it had. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a dispatcher that is restarted', () => {
  const dispatchers: ServeProcess[] = [];
  const agents: AgentProcess[] = [];

  afterEach(async () => {
    for (const { child } of [...agents, ...dispatchers]) child.kill('SIGKILL');
    await Promise.all([...agents, ...dispatchers].map(({ exited }) => exited));
  });

  it('finds its servers again by itself, with the blocks that they have, and none is loaded anew', async () => {
    const [http, grpc] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${http}`;
    const start = (): ServeProcess => {
      const serve = new ServeProcess(['--http-port', String(http), '--grpc-port', String(grpc)]);
      dispatchers.push(serve);
      return serve;
    };
    const isReady = async (): Promise<boolean> =>
      fetch(`${url}/readyz`).then(
        (reply) => reply.ok,
        () => false,
      );
    const servers = async (): Promise<readonly ServerJson[]> =>
      ((await (await fetch(`${url}/admin/v1/servers`)).json()) as { servers: ServerJson[] }).servers;
    const hosted = async (): Promise<unknown> =>
      Object.fromEntries((await servers()).map((server) => [server.server_id, server.hosted]));

    const first = start();
    // Room for some of the six blocks, so that a chain needs several servers.
    const memory = '9MiB';
    for (const id of ['one', 'two', 'three'])
      agents.push(
        startAgent(`127.0.0.1:${grpc}`, [
          '--server-id',
          id,
          '--memory-bytes',
          memory,
          '--declare-speed',
          '0.0001,0.00001,0.0001',
        ]),
      );
    await expect.poll(isReady, SOON).toBe(true);
    await expect
      .poll(async () => (await servers()).map((server) => server.state), SOON)
      .toEqual(['serving', 'serving', 'serving']);
    const before = await hosted();

    first.child.kill('SIGKILL');
    await first.exited;
    expect(await isReady()).toBe(false);
    const second = start();
    await expect.poll(isReady, SOON).toBe(true);
    await expect
      .poll(async () => (await servers()).map((server) => server.state), SOON)
      .toEqual(['serving', 'serving', 'serving']);
    // Long enough for a plan to be made, and for orders to be carried out.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await hosted()).toEqual(before);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^daisychain_block_moves_total\{[^}]*\} 0$/m);
    expect(metrics).toMatch(/^daisychain_plan_epoch\{[^}]*\} 1$/m);
    const reply = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'default', prompt: 'It is', max_tokens: 3 }),
    });
    expect(reply.status).toBe(200);
    expect(second.child.exitCode).toBeNull();
  }, 90_000);
});
