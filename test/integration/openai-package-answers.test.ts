/** OpenAI's own Node package, as its users have it, against `serve --embedded-swarm` with a real model. */
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServeProcess } from '../support/serve-process.ts';
import { readReference } from '../support/tiny-austen.ts';

const SOON = { timeout: 5_000, interval: 20 };
const { prompt, prompt_tokens, greedy_tokens } = readReference();
const greedy = { model: 'default', prompt, temperature: 0, max_tokens: greedy_tokens.length };
const messages = [{ role: 'user' as const, content: prompt }];

let serve: ServeProcess;
let client: OpenAI;
/** What follows the prompt when the likeliest token is taken each time. */
let continuation: string;

beforeAll(async () => {
  serve = new ServeProcess(['--embedded-swarm', '2']);
  await serve.ready(25_000);
  client = new OpenAI({ baseURL: `${serve.url}/v1`, apiKey: 'none', maxRetries: 0 });
  continuation = (await client.completions.create(greedy)).choices[0]?.text ?? '';
});
afterAll(() => serve.stop());

describe('completions', () => {
  it('continue the prompt as the reference does, given as text or as tokens, and count both', async () => {
    const { data, request_id, response } = await client.completions.create(greedy).withResponse();
    expect(data).toMatchObject({
      object: 'text_completion',
      model: 'tiny-austen',
      choices: [{ index: 0, text: continuation, finish_reason: 'length' }],
      usage: { prompt_tokens: prompt_tokens.length, completion_tokens: 60, total_tokens: prompt_tokens.length + 60 },
    });
    expect(continuation).toMatch(/^, and I am sure/);
    expect(request_id).toBe(response.headers.get('x-request-id'));
    expect(response.headers.get('x-daisychain-chain')).toBeTruthy();
    const asTokens = await client.completions.create({ ...greedy, prompt: prompt_tokens });
    expect(asTokens.choices[0]?.text).toBe(continuation);
  });

  it('stream the same text, with the usage in the last chunk when it is asked for', async () => {
    const stream = await client.completions.create({
      ...greedy,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe(continuation);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 60 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks.length).toBeGreaterThan(10);
  });

  it('end before the first of their stop texts, whole and streamed', async () => {
    const stop = ['never comes', 'sure'];
    const whole = await client.completions.create({ ...greedy, stop });
    expect(whole.choices[0]).toMatchObject({ text: ', and I am ', finish_reason: 'stop' });
    let streamed = '';
    for await (const chunk of await client.completions.create({ ...greedy, stop, stream: true }))
      streamed += chunk.choices[0]?.text ?? '';
    expect(streamed).toBe(', and I am ');
  });

  it('answer several prompts, each as often as n says, in the order of the prompts', async () => {
    const asked = { ...greedy, prompt: [prompt, 'She was'], n: 2, max_tokens: 8, echo: true };
    const { choices, usage } = await client.completions.create(asked);
    expect(choices.map((choice) => choice.index)).toEqual([0, 1, 2, 3]);
    expect(choices.map((choice) => choice.text.startsWith('She was'))).toEqual([false, false, true, true]);
    expect(choices[0]?.text).toBe(choices[1]?.text);
    expect(usage?.completion_tokens).toBe(32);
    const texts = ['', '', '', ''];
    for await (const { choices: parts } of await client.completions.create({ ...asked, stream: true }))
      for (const { index, text } of parts) texts[index] += text;
    expect(texts).toEqual(choices.map((choice) => choice.text));
  });

  it('tell the log-probability of each token and of its likeliest rivals', async () => {
    const { choices } = await client.completions.create({ ...greedy, max_tokens: 6, logprobs: 3 });
    const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0]?.logprobs ?? {};
    expect(tokens?.join('')).toBe(choices[0]?.text);
    expect(text_offset?.slice(0, 2)).toEqual([0, tokens?.[0]?.length]);
    for (const [at, logprob] of (token_logprobs ?? []).entries()) {
      const rivals = Object.values(top_logprobs?.[at] ?? {});
      expect(rivals).toHaveLength(3);
      expect(logprob).toBe(Math.max(...rivals));
      expect(logprob).toBeLessThanOrEqual(0);
    }
    expect(token_logprobs).toHaveLength(6);
  });

  it('give the same text again for the same seed, and another for another', async () => {
    const ask = async (seed: number): Promise<string | undefined> =>
      (await client.completions.create({ model: 'tiny-austen', prompt, max_tokens: 24, seed })).choices[0]?.text;
    const [first, again, other] = await Promise.all([ask(7), ask(7), ask(8)]);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe('chats', () => {
  it('of a model without a template continue the messages, whole, streamed and by the helper', async () => {
    const asked = { model: 'default', messages, temperature: 0, max_completion_tokens: 60 };
    const whole = await client.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 2 });
    const [choice] = whole.choices;
    expect(choice).toMatchObject({ message: { role: 'assistant', content: continuation }, finish_reason: 'length' });
    expect(choice?.logprobs?.content?.map((entry) => entry.token).join('')).toBe(continuation);
    expect(choice?.logprobs?.content?.every((entry) => entry.top_logprobs.length === 2)).toBe(true);
    let streamed = '';
    let total = 0;
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    for await (const chunk of await client.chat.completions.create({ ...asked, ...options })) {
      streamed += chunk.choices[0]?.delta.content ?? '';
      total += chunk.usage?.total_tokens ?? 0;
    }
    expect(streamed).toBe(continuation);
    expect(total).toBe(whole.usage?.total_tokens);
    const helper = client.chat.completions.stream({ ...asked, n: 2, stop: 'sure' });
    const { choices } = await helper.finalChatCompletion();
    expect(choices.map((each) => each.message.content)).toEqual([', and I am ', ', and I am ']);
  });
});

describe('a client that leaves in mid-stream', () => {
  it('frees its slots and its cache at once, whether it breaks off or aborts', async () => {
    const long = { ...greedy, temperature: 1, max_tokens: 450, stream: true } as const;
    const before = await serve.metric('daisychain_requests_total{outcome="cancelled"');
    for await (const _ of await client.completions.create(long)) break;
    const stream = await client.completions.create({ ...long, n: 2 });
    await stream[Symbol.asyncIterator]().next();
    stream.controller.abort();
    const leaving = new AbortController();
    const whole = client.completions.create({ ...greedy, max_tokens: 450 }, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 50);
    await expect(whole).rejects.toBeInstanceOf(APIUserAbortError);
    await expect.poll(() => serve.metric('daisychain_requests_total{outcome="cancelled"'), SOON).toBe(before + 4);
    const queue = await (await fetch(`${serve.url}/admin/v1/queue`)).json();
    expect(queue).toMatchObject({ running: 0, length: 0 });
    expect(await serve.metric('daisychain_chain_slots_in_use{')).toBe(0);
    expect(await serve.metric('daisychain_chain_cache_tokens_in_use{')).toBe(0);
  });
});

describe('what cannot be answered', () => {
  const ask = (body: object): Promise<unknown> =>
    client.chat.completions.create({ model: 'default', messages, ...body }) as Promise<unknown>;
  const tool = { type: 'function', function: { name: 'look_up', parameters: {} } };

  it.each([
    ['a temperature of 9', { temperature: 9 }, 'invalid_value', 'temperature', /2/],
    ['a prompt and output that never fit', { max_tokens: 9_000 }, 'context_length_exceeded', 'max_tokens', /512/],
    ['tools', { tools: [tool] }, 'unsupported_parameter', 'tools', /without tool calls/],
    ['JSON mode', { response_format: { type: 'json_object' } }, 'unsupported_parameter', 'response_format', /text/],
    [
      'pictures',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'unsupported_parameter',
      'messages[0].content[0].type',
      /text/,
    ],
  ])('%s: BadRequestError names the field and what is wrong', async (_, body, code, param, message) => {
    const error = await ask(body).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, code, param, type: 'invalid_request_error' });
    expect((error as Error).message).toMatch(message);
  });

  it('an unknown model and an endpoint that is not there: NotFoundError', async () => {
    const model = await ask({ model: 'gpt-4' }).catch((thrown: unknown) => thrown);
    expect(model).toBeInstanceOf(NotFoundError);
    expect(model).toMatchObject({ code: 'model_not_found', param: 'model' });
    const embedding = client.embeddings.create({ model: 'default', input: 'It is' });
    const error = await embedding.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
    expect((error as Error).message).toContain('/v1/embeddings');
  });

  it('nothing of it keeps the models from being listed and found', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(['tiny-austen']);
    expect((await client.models.retrieve('default')).id).toBe('tiny-austen');
  });
});
