import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RequestTimesDocument } from '../../src/adapters/http/admin/request-schemas.ts';
import type { PlanDocument, ServersDocument } from '../../src/adapters/http/admin/schemas.ts';
import type { OutlookDocument } from '../../src/adapters/http/admin/what-if-schemas.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };
const JSON_TYPE = { 'content-type': 'application/json' };

describe('an operator', () => {
  let swarm: SwarmHarness;

  beforeAll(async () => {
    swarm = await SwarmHarness.start();
    await swarm.addServer('near');
    await swarm.addServer('far', { slowness: 4 });
    await vi.waitFor(async () => {
      const states = Object.values(await swarm.servers()).map(({ state }) => state);
      expect(states).toEqual(['serving', 'serving']);
    }, SOON);
  });
  afterAll(() => swarm.stop());

  const post = async (path: string, body: unknown = {}, id = ''): Promise<Response> =>
    fetch(swarm.dispatcher.httpUrl + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: id === '' ? JSON_TYPE : { ...JSON_TYPE, 'x-request-id': id },
    });
  const whatIf = async (change: object): Promise<OutlookDocument> =>
    (await (await post('/admin/v1/what-if', change)).json()) as OutlookDocument;
  const explain = async (id: string): Promise<RequestTimesDocument> =>
    (await (await swarm.get(`/admin/v1/requests/${id}`)).json()) as RequestTimesDocument;

  it('sees where each second of a request went', async () => {
    const answer = await post(
      '/v1/completions',
      { model: 'default', prompt: 'It is a truth', max_tokens: 6, temperature: 0 },
      'mine',
    );
    expect(answer.status).toBe(200);
    const times = await explain('mine');
    expect(times).toMatchObject({ request_id: 'mine', model_id: 'tiny-austen', outcome: 'completed' });
    expect(times.completion_tokens).toBe(6);
    const [chain] = times.chains;
    expect(chain?.chain_id).toBe(answer.headers.get('x-daisychain-chain'));
    expect(chain?.choice).toMatchObject({ position: 1 });
    const hops = chain?.hops ?? [];
    expect(hops.reduce((sum, hop) => sum + hop.block_count, 0)).toBe(6);
    for (const hop of hops) {
      expect(hop.steps).toBe(6);
      expect(hop.round_trip_seconds).toBeGreaterThan(0);
      expect(hop.network_seconds).toBeGreaterThanOrEqual(0);
    }
    // Queue, opening, prefill and decoding follow one another; nothing is left but the last moments.
    const told = [times.queue_seconds, chain?.opening_seconds, chain?.prefill_seconds, chain?.decode_seconds];
    const sum = told.reduce<number>((total, seconds) => total + (seconds ?? Number.NaN), 0);
    expect(sum).toBeLessThanOrEqual(times.total_seconds);
    expect(sum).toBeGreaterThan(0.5 * times.total_seconds);
  });

  it('sees what each server has given', async () => {
    const servers = (await (await swarm.get('/admin/v1/servers')).json()) as ServersDocument;
    const near = servers.servers.find(({ server_id }) => server_id === 'near')?.contribution;
    // The prompt's tokens and the six of the answer.
    expect(near?.tokens).toBeGreaterThan(6);
    expect(near?.uptime_seconds).toBeGreaterThan(0);
    expect(near?.block_seconds).toBeGreaterThan(0);
    expect(near?.block_seconds).toBeLessThanOrEqual(6 * (near?.uptime_seconds ?? 0));
    expect(await swarm.metric('daisychain_server_tokens_total{server="near"')).toBe(near?.tokens);
  });

  it('sees why a request was refused, and nothing of one that never was', async () => {
    expect((await post('/v1/completions', { model: 'default', prompt: 'x', max_tokens: 9e9 }, 'huge')).status).toBe(
      400,
    );
    expect((await swarm.get('/admin/v1/requests/huge')).status).toBe(404);
    expect((await swarm.get('/admin/v1/requests/never')).status).toBe(404);
  });

  it('asks what a change would bring, which changes nothing', async () => {
    const plan = async () => (await (await swarm.get('/admin/v1/plan')).json()) as PlanDocument;
    const before = await plan();
    const now = await whatIf({});
    expect(now).toMatchObject({ feasible: true, reason: null });
    expect(now.response_seconds?.predicted).toBeGreaterThan(0);
    const busier = await whatIf({ arrival_rate_per_second: 1e5 });
    expect(busier).toMatchObject({ feasible: true, response_seconds: null });
    expect(busier.reason).toContain('rate');
    const slower = await whatIf({ remove_servers: ['near'] });
    expect(slower.placement.map(({ server_id }) => server_id)).toEqual(['far']);
    expect(slower.response_seconds?.lower).toBeGreaterThan(now.response_seconds?.lower ?? Number.NaN);
    const none = await whatIf({ remove_servers: ['near', 'far'] });
    expect(none).toMatchObject({ feasible: false, placement: [], chains: [], total_slots: 0 });
    expect(none.reason).toBeTruthy();
    const fresh = {
      server_id: 'fresh',
      memory_bytes: 40_000_000,
      overhead_seconds_per_block: 0,
      prefill_seconds_per_token_per_block: 1e-6,
      decode_seconds_per_token_per_block: 1e-6,
    };
    const faster = await whatIf({ add_servers: [fresh] });
    expect(faster.chains[0]?.hops.map(({ server_id }) => server_id)).toEqual(['fresh']);
    expect(faster.response_seconds?.lower).toBeLessThan(now.response_seconds?.lower ?? Number.NaN);
    const after = await plan();
    const lasting = ({ epoch, placement, total_slots }: PlanDocument) => ({ epoch, placement, total_slots });
    expect(lasting(after)).toEqual(lasting(before));
    const twice = await post('/admin/v1/what-if', { add_servers: [{ ...fresh, server_id: 'near' }] });
    expect(twice.status).toBe(400);
    expect(((await twice.json()) as { error: object }).error).toMatchObject({ param: 'add_servers[0].server_id' });
  });

  it('has a new plan made', async () => {
    const replans = 'daisychain_replans_total{reason="operator"';
    expect(await swarm.metric(replans)).toBe(0);
    expect((await post('/admin/v1/replan')).status).toBe(202);
    await expect.poll(() => swarm.metric(replans), SOON).toBe(1);
  });

  it('drains a server, which gets no new work', async () => {
    expect((await post('/admin/v1/servers/near/drain')).status).toBe(202);
    await expect.poll(async () => (await swarm.servers())['near']?.state, SOON).toBe('draining');
    const answer = await post('/v1/completions', { model: 'default', prompt: 'It is', max_tokens: 2 }, 'after');
    expect(answer.status).toBe(200);
    const { chains } = await explain('after');
    expect(chains[0]?.hops.map(({ server_id }) => server_id)).toEqual(['far']);
    expect((await post('/admin/v1/servers/nobody/drain')).status).toBe(404);
  });
});
