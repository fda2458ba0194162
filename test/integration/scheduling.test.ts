import { afterEach, describe, expect, it } from 'vitest';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 10 };

describe('who gets a chain, and when', () => {
  let swarm: SwarmHarness;
  afterEach(() => swarm.stop());

  /** One server with the model's blocks and the cache of one longest session. */
  async function oneSession(settings: Record<string, string | number>, stepMs: number): Promise<void> {
    swarm = await SwarmHarness.start({ 'planner.reserved_slots': 1, ...settings });
    const { blockBytes, cacheBytesPerBlock } = swarm.dispatcher.shape;
    await swarm.addServer('only', { memoryBytes: 6 * (blockBytes + cacheBytesPerBlock), stepMs });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
  }

  const complete = (maxTokens: number, headers: Record<string, string> = {}, stream = false): Promise<Response> =>
    fetch(`${swarm.dispatcher.httpUrl}/v1/completions`, {
      method: 'POST',
      // Greedy: a token drawn at random may end an answer that a test counts on.
      body: JSON.stringify({
        model: 'default',
        prompt: 'It is a truth',
        max_tokens: maxTokens,
        stream,
        temperature: 0,
      }),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const code = async (answer: Response): Promise<string> =>
    ((await answer.json()) as { error: { code: string } }).error.code;
  const waiting = (): Promise<number> => swarm.metric('daisychain_queue_length');

  it('lets many short requests share the cache of one long session, and shows how much of it they hold', async () => {
    await oneSession({}, 60);
    expect(await swarm.metric('daisychain_chain_slots{')).toBe(1);
    const streams = await Promise.all([1, 2, 3].map(() => complete(30, {}, true)));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(3);
    const held = await swarm.metric('daisychain_chain_cache_tokens_in_use{');
    // Prompt and 30 tokens each, in whole sixteens.
    expect(held).toBeGreaterThanOrEqual(3 * 48);
    expect(held).toBeLessThanOrEqual(3 * 64);
    await Promise.all(streams.map((stream) => stream.text()));
    await expect.poll(() => swarm.metric('daisychain_chain_cache_tokens_in_use{'), SOON).toBe(0);
  });

  it('lets one of them wait where every request takes a slot', async () => {
    await oneSession({ 'scheduling.cache': 'slots' }, 20);
    const first = await complete(60, {}, true);
    const second = complete(2);
    await expect.poll(waiting, SOON).toBe(1);
    await first.text();
    expect((await second).status).toBe(200);
  });

  it('tells a client at once that its deadline cannot be met, and how well it predicts', async () => {
    await oneSession({ 'scheduling.cache': 'slots' }, 10);
    for (let i = 0; i < 5; i += 1) expect((await complete(8)).status).toBe(200);
    const long = await complete(150, {}, true);
    const patient = complete(2);
    await expect.poll(waiting, SOON).toBe(1);
    const startedMs = performance.now();
    const refused = await complete(2, { 'x-daisychain-deadline-ms': '700' });
    expect(performance.now() - startedMs).toBeLessThan(690);
    expect(refused.status).toBe(408);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(await code(refused)).toBe('deadline_exceeded');
    await long.text();
    expect((await patient).status).toBe(200);
    expect(await swarm.metric('daisychain_queue_prediction_ratio_count')).toBe(1);
  });

  it('lets requests of a higher class go first', async () => {
    await oneSession({ 'scheduling.cache': 'slots' }, 10);
    const first = await complete(30, {}, true);
    const order: string[] = [];
    const send = async (priority: string, length: number): Promise<void> => {
      const answer = complete(2, { 'x-daisychain-priority': priority }).then(async (response) => {
        await response.json();
        order.push(priority);
      });
      answers.push(answer);
      await expect.poll(waiting, SOON).toBe(length);
    };
    const answers: Promise<void>[] = [];
    await send('low', 1);
    await send('normal', 2);
    await send('high', 3);
    await first.text();
    await Promise.all(answers);
    expect(order).toEqual(['high', 'normal', 'low']);
  });

  it('refuses what a tenant asks for beyond its limit, and says when to come back', async () => {
    await oneSession({ 'scheduling.tenant_requests_per_minute': 2, 'security.trust_tenant_names': 'true' }, 1);
    const loud = { 'x-daisychain-tenant': 'loud' };
    expect((await complete(2, loud)).status).toBe(200);
    expect((await complete(2, loud)).status).toBe(200);
    const refused = await complete(2, loud);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(30);
    expect(await code(refused)).toBe('rate_limit_exceeded');
    expect((await complete(2, { 'x-daisychain-tenant': 'quiet' })).status).toBe(200);
    expect(await swarm.metric('daisychain_requests_total{outcome="rejected"')).toBe(1);
  });

  it('names the time to come back when the queue is full', async () => {
    await oneSession({ 'scheduling.cache': 'slots', 'scheduling.queue_limit': 0 }, 10);
    const first = await complete(30, {}, true);
    const refused = await complete(2);
    expect(refused.status).toBe(429);
    expect(await code(refused)).toBe('queue_full');
    const retryMs = Number(refused.headers.get('retry-after-ms'));
    expect(retryMs).toBeGreaterThanOrEqual(100);
    expect(retryMs).toBeLessThanOrEqual(120_000);
    await first.text();
  });
});
