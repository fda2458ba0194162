import { afterEach, describe, expect, it } from 'vitest';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 15_000, interval: 50 };

let swarm: SwarmHarness;
afterEach(() => swarm.stop());

describe('the search for a better plan in the running service', () => {
  it('follows the first plan in a thread of its own, and tells what it did', async () => {
    swarm = await SwarmHarness.start({
      'planner.placement': 'best',
      'planner.objective': 'predicted',
      'planner.search_after_seconds': 0.2,
      'planner.search_evaluations': 5,
      'planner.service_model': 'independent',
    });
    await swarm.addServer('one');
    await swarm.addServer('two', { slowness: 2 });
    const plan = async () => (await swarm.get('/admin/v1/plan')).json() as Promise<Record<string, never>>;
    await expect.poll(async () => (await plan())['search'], SOON).not.toBeNull();
    expect(await plan()).toMatchObject({
      source: { kind: 'look', placement_policy: 'gbp-cr-fill', objective: 'lower', evaluations: null },
      search: { outcome: 'keep', is_cut_short: false, reason: expect.any(String) },
      response_seconds: { predicted: expect.any(Number) },
    });
    expect(await swarm.metric('daisychain_plan_evaluations_total')).toBeGreaterThan(0);
    expect(await swarm.metric('daisychain_planner_failures_total')).toBe(0);
    const answer = await swarm.post('/admin/v1/what-if', { remove_servers: ['one'] });
    expect(await answer.json()).toMatchObject({ feasible: true, placement_policy: 'best' });
  });
});
