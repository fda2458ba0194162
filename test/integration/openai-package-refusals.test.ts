/** The errors of OpenAI's own Node package, each out of a running `serve --embedded-swarm`, and its own retries. */
import OpenAI, { APIConnectionError, APIError, AuthenticationError, InternalServerError, RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServeProcess } from '../support/serve-process.ts';

const SOON = { timeout: 5_000, interval: 20 };
const KEY = 'key-of-the-only-client';
/** Long enough to hold a slot while others ask: some seconds of work, most of the model's context. */
const LONG = { model: 'default', prompt: 'It is', max_tokens: 490, temperature: 0, stream: true } as const;
const SHORT = { model: 'default', prompt: 'It is', max_tokens: 2, temperature: 0 };

let serve: ServeProcess;

/** One server, a slot a request, room for one request that waits, and a key. */
beforeAll(async () => {
  serve = new ServeProcess(['--embedded-swarm', '1'], {
    DAISYCHAIN_SCHEDULING__CACHE: 'slots',
    DAISYCHAIN_SCHEDULING__QUEUE_LIMIT: '1',
    DAISYCHAIN_PLANNER__RESERVED_SLOTS: '1',
    DAISYCHAIN_SECURITY__API_KEYS: KEY,
  });
  await serve.ready(25_000);
});
afterAll(() => serve.stop());

function clientOf(options: { readonly apiKey?: string; readonly maxRetries?: number; readonly fetch?: typeof fetch }) {
  return new OpenAI({ baseURL: `${serve.url}/v1`, apiKey: KEY, maxRetries: 0, ...options });
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error,
  );
}

async function textOf(stream: AsyncIterable<OpenAI.Completion>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
  return text;
}

/** Streams that hold every slot of the one chain, and one that waits. */
async function fill(client: OpenAI) {
  const slots = await serve.metric('daisychain_chain_slots{');
  const running = await Promise.all(Array.from({ length: slots }, () => client.completions.create(LONG)));
  const waiting = client.completions.create(LONG);
  await expect.poll(() => serve.metric('daisychain_queue_length'), SOON).toBe(1);
  return { running, waiting };
}

describe('a swarm with keys', () => {
  it('answers the right key, and any other with AuthenticationError, which is not tried again', async () => {
    let calls = 0;
    const counting: typeof fetch = (...call) => {
      calls += 1;
      return fetch(...call);
    };
    const stranger = clientOf({ apiKey: 'key-of-somebody-else', maxRetries: 2, fetch: counting });
    for (const ask of [() => stranger.completions.create(SHORT), () => stranger.models.list()]) {
      const error = await failureOf(ask());
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'authentication_error' });
    }
    expect(calls).toBe(2);
    expect((await clientOf({}).models.retrieve('default')).id).toBe('tiny-austen');
  });
});

describe('a full queue', () => {
  it('is RateLimitError with the time to come back, after which the package tries again by itself', async () => {
    const { running, waiting } = await fill(clientOf({}));
    const error = (await failureOf(clientOf({}).completions.create(SHORT))) as RateLimitError;
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'queue_full', type: 'rate_limit_error' });
    const waitMs = Number(error.headers.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(120_000);
    expect(Number(error.headers.get('retry-after'))).toBe(Math.ceil(waitMs / 1_000));

    const statuses: number[] = [];
    const sentMs: number[] = [];
    const recording: typeof fetch = async (...call) => {
      sentMs.push(performance.now());
      const response = await fetch(...call);
      statuses.push(response.status);
      if (response.status === 429) for (const stream of running) stream.controller.abort();
      return response;
    };
    const patient = clientOf({ maxRetries: 2, fetch: recording });
    const served = await patient.completions.create(SHORT);
    expect(served.usage?.completion_tokens).toBe(2);
    expect(statuses).toEqual([429, 200]);
    expect((sentMs[1] ?? 0) - (sentMs[0] ?? 0)).toBeGreaterThanOrEqual(100);
    expect(await serve.metric('daisychain_requests_total{outcome="rejected"')).toBe(2);
    (await waiting).controller.abort();
  });
});

describe('a deadline that passes while the request waits', () => {
  it('is APIError 408 deadline_exceeded, and not tried again', async () => {
    const client = clientOf({ maxRetries: 2 });
    const slots = await serve.metric('daisychain_chain_slots{');
    const running = await Promise.all(Array.from({ length: slots }, () => client.completions.create(LONG)));
    const late = client.completions.create(SHORT, { headers: { 'x-daisychain-deadline-ms': '30' } });
    const error = await failureOf(late);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 408, code: 'deadline_exceeded', type: 'timeout_error' });
    expect((error as APIError).headers?.get('x-should-retry')).toBe('false');
    expect(await serve.metric('daisychain_requests_total{outcome="expired"')).toBe(1);
    for (const stream of running) stream.controller.abort();
  });
});

describe('a dispatcher that is told to stop', () => {
  it('is InternalServerError 503 draining for new requests, ends streams in time or with an error, then APIConnectionError', async () => {
    const client = clientOf({});
    const stream = await client.completions.create(LONG);
    const ended = textOf(stream).catch((error: unknown) => error);
    const stopped = serve.stop();
    await expect.poll(async () => (await fetch(`${serve.url}/readyz`)).status, SOON).toBe(503);
    const error = (await failureOf(client.completions.create(SHORT))) as InternalServerError;
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 503, code: 'draining', type: 'server_error' });
    expect(Number(error.headers.get('retry-after'))).toBeGreaterThan(0);
    const end = await ended;
    if (typeof end !== 'string') expect(end).toMatchObject({ code: 'draining' });
    expect((await stopped).code).toBe(0);
    expect(await failureOf(client.completions.create(SHORT))).toBeInstanceOf(APIConnectionError);
  });
});
