import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SwarmHarness } from '../support/swarm-harness.ts';

const SOON = { timeout: 10_000, interval: 20 };

const REQUEST = { model: 'default', prompt: 'It is a truth', max_tokens: 200, temperature: 0 };

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The error of a JSON answer (nothing was streamed yet), or of the last event of a stream. */
function failureOf(text: string): Failure | undefined {
  const last =
    text
      .trim()
      .split('\n\n')
      .at(-1)
      ?.replace(/^data: /, '') ?? '';
  return last === '[DONE]' ? undefined : (JSON.parse(last) as { error?: Failure }).error;
}

describe('a server of a chain that misbehaves', () => {
  let swarm: SwarmHarness;

  beforeAll(async () => {
    swarm = await SwarmHarness.start({
      'swarm.step_timeout_seconds': 0.5,
      'swarm.exclude_seconds': 30,
      'recovery.max_wait_seconds': 0.3,
    });
  });
  afterAll(() => swarm.stop());

  it.each([
    ['sends NaN', (output: Float32Array) => output.fill(Number.NaN), /DSP_|finite|NaN/i],
    ['sends rows of the wrong length', (output: Float32Array) => output.subarray(0, output.length - 1), /./],
    ['never answers', () => new Promise<Float32Array>(() => undefined), /answer|time/i],
  ])(
    'that %s is left out with the reason, and its request ends with a named error and its slot free',
    async (name, spoil, reason) => {
      const bad = `bad-${name.split(' ')[1]}`;
      const server = await swarm.addServer(bad, { spoil });
      await expect.poll(async () => (await swarm.servers())[bad]?.state, SOON).toBe('serving');
      await expect.poll(() => swarm.metric('daisychain_chain_slots{'), SOON).toBeGreaterThan(0);

      const reply = await swarm.post('/v1/completions', { ...REQUEST, stream: true });
      const text = await reply.text();
      expect(failureOf(text)).toMatchObject({ code: 'chain_failed', message: expect.stringContaining(bad) });
      expect(text).not.toContain('[DONE]');

      const state = (await swarm.servers())[bad];
      expect(state?.state).toBe('excluded');
      expect(state?.reason).toMatch(reason);
      expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
      await expect.poll(() => server.host.usage().sessions, SOON).toBe(0);
      // Nothing else covers the model: the next request is told so, with when to come back.
      const refused = await swarm.post('/v1/completions', REQUEST);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).not.toBeNull();
      expect(((await refused.json()) as { error: { code: string } }).error.code).toBe('no_capacity');
      await server.leave();
      await expect.poll(async () => (await swarm.servers())[bad], SOON).toBeUndefined();
    },
  );
});

describe('a swarm that loses servers', () => {
  let swarm: SwarmHarness;

  afterEach(() => swarm.stop());

  it('serves the request of a server that lost its data plane elsewhere, and plans again without it', async () => {
    swarm = await SwarmHarness.start();
    const doomed = await swarm.addServer('a-fast');
    await swarm.addServer('b-slow', { slowness: 4 });
    await expect
      .poll(async () => Object.values(await swarm.servers()).filter((s) => s.state === 'serving').length, SOON)
      .toBe(2);
    await doomed.loseDataPlane();

    const moved = await swarm.post('/v1/completions', REQUEST);
    expect(moved.status).toBe(200);
    expect((await swarm.servers())['a-fast']?.state).toBe('excluded');
    expect(await swarm.metric('daisychain_failovers_total{outcome="continued"')).toBe(1);
    const served = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 3 });
    expect(served.status).toBe(200);
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
  });

  it('plans around a server that never becomes ready, and tells why it is not ready meanwhile', async () => {
    swarm = await SwarmHarness.start({
      'swarm.load_timeout_seconds': 1,
      'swarm.heartbeat_interval_seconds': 0.3,
      'swarm.lease_seconds': 5,
    });
    await swarm.addServer('never', { loadMs: 60_000 });
    await expect.poll(async () => (await swarm.servers())['never']?.state, SOON).toBe('loading');
    const ready = await swarm.get('/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('never loads blocks 0..5');

    await expect.poll(async () => (await swarm.servers())['never']?.state, SOON).toBe('excluded');
    expect((await swarm.servers())['never']?.reason).toContain('was not ready');
    await swarm.addServer('able');
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    expect((await swarm.servers())['able']?.planned).toEqual({ first_block: 0, block_count: 6 });
    expect((await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 2 })).status).toBe(200);
  });

  it('keeps a running request on its chain while a new server makes a new plan', async () => {
    swarm = await SwarmHarness.start();
    const first = await swarm.addServer('z-first', { slowness: 4, stepMs: 5 });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    const epoch = await swarm.metric('daisychain_plan_epoch');
    const reply = await swarm.post('/v1/completions', { ...REQUEST, stream: true, max_tokens: 100 });
    const text = reply.text();
    await swarm.addServer('a-second');
    await expect.poll(() => swarm.metric('daisychain_plan_epoch'), SOON).toBeGreaterThan(epoch);
    expect(first.host.usage().sessions).toBe(1);
    expect(await text).toContain('[DONE]');
    // The next one goes where the new plan is fastest; which server that is depends on the round trips measured.
    await expect
      .poll(async () => {
        const next = await swarm.post('/v1/completions', { ...REQUEST, max_tokens: 1 });
        const { chains } = (await (await swarm.get('/admin/v1/chains')).json()) as { chains: { chain_id: string }[] };
        return chains.length === 2 && next.headers.get('x-daisychain-chain') === chains[0]?.chain_id;
      }, SOON)
      .toBe(true);
    await expect.poll(() => first.host.usage().sessions, SOON).toBe(0);
  });

  it('lets a server that leaves go when its running request has ended, and gives it no new one', async () => {
    swarm = await SwarmHarness.start();
    const leaver = await swarm.addServer('leaver', { stepMs: 5 });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    const running = await swarm.post('/v1/completions', { ...REQUEST, stream: true, max_tokens: 60 });
    const gone = leaver.leave();
    await expect.poll(async () => (await swarm.servers())['leaver']?.state, SOON).toBe('draining');
    expect((await swarm.post('/v1/completions', REQUEST)).status).toBe(503);
    expect(await running.text()).toContain('[DONE]');
    await gone;
    expect(await swarm.servers()).toEqual({});
  });

  it('ends a stream with a named error event when a server fails after the first token and no other comes', async () => {
    swarm = await SwarmHarness.start({ 'recovery.max_wait_seconds': 0.3 });
    let steps = 0;
    const spoil = (output: Float32Array): Float32Array => {
      steps += 1;
      return steps > 5 ? output.fill(Number.NaN) : output;
    };
    await swarm.addServer('turns-bad', { spoil });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    const reply = await swarm.post('/v1/completions', { ...REQUEST, stream: true });
    expect(reply.status).toBe(200);
    const text = await reply.text();
    expect(failureOf(text)).toMatchObject({ code: 'chain_failed', message: expect.stringContaining('turns-bad') });
    expect(text).not.toContain('[DONE]');
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
    expect(await swarm.metric('daisychain_requests_total{outcome="failed"')).toBe(1);
    expect(await swarm.metric('daisychain_failovers_total{outcome="exhausted"')).toBe(1);
  });

  it('leaves a server that answers each step just in time, when another could do its blocks', async () => {
    swarm = await SwarmHarness.start({
      'recovery.slow_token_seconds': 0.1,
      'recovery.slow_factor': 2,
      'recovery.slow_window_tokens': 2,
    });
    const trickler = await swarm.addServer('a-trickler', { stepMs: 900, remembers: true });
    await swarm.addServer('b-steady', { slowness: 4, remembers: true });
    await expect
      .poll(async () => Object.values(await swarm.servers()).filter((s) => s.state === 'serving').length, SOON)
      .toBe(2);
    const startMs = performance.now();
    const reply = await swarm.post('/v1/completions', { ...REQUEST, stream: true });
    expect(await reply.text()).toContain('[DONE]');
    // At its pace the trickler would have needed three minutes.
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect((await swarm.servers())['a-trickler']).toMatchObject({
      state: 'excluded',
      reason: expect.stringContaining('longer than planned'),
    });
    await expect.poll(() => trickler.host.usage().sessions, SOON).toBe(0);
  });

  it('goes on with a stream, ahead of requests that wait, when a server comes for the one that fell silent', async () => {
    swarm = await SwarmHarness.start({ 'swarm.step_timeout_seconds': 0.3 });
    let steps = 0;
    const spoil = (output: Float32Array): Float32Array | Promise<Float32Array> => {
      steps += 1;
      return steps > 5 ? new Promise<Float32Array>(() => undefined) : output;
    };
    await swarm.addServer('silent', { spoil, remembers: true });
    await expect.poll(async () => (await swarm.get('/readyz')).status, SOON).toBe(200);
    const reply = await swarm.post('/v1/completions', { ...REQUEST, stream: true });
    await expect.poll(async () => (await swarm.servers())['silent']?.state, SOON).toBe('excluded');
    await swarm.addServer('helper', { remembers: true });
    const text = await reply.text();
    expect(text).toContain('[DONE]');
    const whole = await swarm.post('/v1/completions', { ...REQUEST, stream: true });
    const contents = (sse: string): string[] =>
      [...sse.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map((match) => match[1] ?? '');
    expect(contents(text)).toEqual(contents(await whole.text()));
    expect(contents(text).length).toBeGreaterThan(150);
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(0);
  });

  it('frees the slot and the caches of a client that leaves in mid-stream, and of one that leaves the queue', async () => {
    swarm = await SwarmHarness.start({ 'planner.reserved_slots': 1, 'scheduling.cache': 'slots' });
    // Room for the blocks and one session's cache: one slot.
    const bytes = 6 * swarm.dispatcher.shape.blockBytes + 6 * swarm.dispatcher.shape.cacheBytesPerBlock;
    const server = await swarm.addServer('only', { stepMs: 10, memoryBytes: bytes });
    await expect.poll(() => swarm.metric('daisychain_chain_slots{'), SOON).toBe(1);

    const runner = new AbortController();
    const running = await swarm.post('/v1/completions', { ...REQUEST, stream: true }, { signal: runner.signal });
    await running.body?.getReader().read();
    const waiter = new AbortController();
    const waiting = swarm
      .post('/v1/completions', REQUEST, { signal: waiter.signal })
      .catch((error: Error) => error.name);
    await expect.poll(() => swarm.metric('daisychain_queue_length'), SOON).toBe(1);
    waiter.abort();
    expect(await waiting).toBe('AbortError');
    await expect.poll(() => swarm.metric('daisychain_queue_length'), SOON).toBe(0);
    expect(await swarm.metric('daisychain_chain_slots_in_use{')).toBe(1);
    runner.abort();
    await expect.poll(() => swarm.metric('daisychain_chain_slots_in_use{'), SOON).toBe(0);
    await expect.poll(() => server.host.usage().sessions, SOON).toBe(0);
    expect(await swarm.metric('daisychain_requests_total{outcome="cancelled"')).toBe(2);
  });
});
