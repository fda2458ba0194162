import { afterEach, describe, expect, it } from 'vitest';
import type { ChainsDocument, PlanDocument, ServersDocument } from '../../src/adapters/http/admin/schemas.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 8_000, interval: 50 };

describe('a server that is slower than it says', () => {
  let swarm: SwarmHarness;
  afterEach(() => swarm.stop());

  const read = async <T>(path: string): Promise<T> => (await (await swarm.get(path)).json()) as T;
  const firstServer = async (): Promise<string | undefined> =>
    (await read<ChainsDocument>('/admin/v1/chains')).chains[0]?.hops[0]?.server_id;

  it('is found out by its tokens, and its chain goes behind that of a server that told the truth', async () => {
    swarm = await SwarmHarness.start();
    // Both hold the whole model. The first claims 5 ms a token and takes 100.
    await swarm.addServer('a-boaster', { stepMs: 100 });
    await swarm.addServer('b-honest', { slowness: 3, stepMs: 10 });
    await expect
      .poll(
        async () => Object.values(await swarm.servers()).filter((server) => server.state === 'serving').length,
        SOON,
      )
      .toBe(2);
    expect(await firstServer()).toBe('a-boaster');
    // Five requests are needed to tell; on a busy machine one or the other tells nothing.
    for (let i = 0; i < 20 && (await firstServer()) !== 'b-honest'; i += 1) {
      const reply = await swarm.post('/v1/completions', {
        model: 'default',
        prompt: 'It is',
        max_tokens: 6,
        temperature: 0,
      });
      expect(reply.status).toBe(200);
    }
    expect(await firstServer()).toBe('b-honest');
    const { servers } = await read<ServersDocument>('/admin/v1/servers');
    expect(servers.find((server) => server.server_id === 'a-boaster')?.pace).toBeGreaterThan(1.5);
    await expect.poll(async () => (await read<PlanDocument>('/admin/v1/plan')).decision?.cause, SOON).toBe('speed');
    expect(await swarm.metric('daisychain_server_pace{server="a-boaster"')).toBeGreaterThan(1.5);
    expect(await swarm.metric('daisychain_block_moves_total')).toBe(12);
  });
});
