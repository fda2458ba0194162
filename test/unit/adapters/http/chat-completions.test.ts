import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
beforeEach(() => {
  front = buildTestFront();
});
afterEach(() => front.app.close());

const messages = [{ role: 'user', content: 'Hello' }];

function ask(body: unknown, headers: Record<string, string> = {}) {
  return front.app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload: body as object });
}

function eventsOf(text: string): unknown[] {
  return text
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => {
      expect(line.startsWith('data: ')).toBe(true);
      return line === 'data: [DONE]' ? '[DONE]' : JSON.parse(line.slice(6));
    });
}

describe('a whole answer', () => {
  test('has the shape of OpenAI and tells its chain, its wait and its request id', async () => {
    front.service.script = { texts: ['Hello', ' world'], queueMs: 12.4 };
    const response = await ask({ model: 'default', messages }, { 'x-request-id': 'mine-1' });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'x-request-id': 'mine-1',
      'x-daisychain-chain': 'c0ffee000001',
      'x-daisychain-queue-ms': '12',
    });
    const body = response.json();
    expect(body).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f-]{36}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'tiny-austen',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello world', refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 2,
        total_tokens: 9,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    });
    expect(Math.abs(body.created - Date.now() / 1000)).toBeLessThan(10);
    expect(front.service.running).toBe(0);
  });

  test('hands every option to the service', async () => {
    await ask(
      {
        model: 'tiny-austen',
        messages: [
          { role: 'developer', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'a' },
              { type: 'text', text: 'b' },
            ],
          },
        ],
        max_tokens: 5,
        max_completion_tokens: 6,
        temperature: 0.5,
        top_p: 0.9,
        seed: 42,
        stop: ['x', 'y'],
        presence_penalty: 1,
        frequency_penalty: -1,
        logit_bias: { '17': -100 },
        logprobs: true,
        top_logprobs: 2,
        some_future_field: { a: 1 },
      },
      { 'x-daisychain-priority': 'high', 'x-daisychain-tenant': 'team-a', 'x-daisychain-deadline-ms': '1500' },
    );
    expect(front.service.requests).toEqual([
      {
        requestId: expect.any(String),
        modelId: 'tiny-austen',
        prompt: {
          kind: 'chat',
          messages: [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: 'ab' },
          ],
        },
        maxTokens: 6,
        sampling: {
          temperature: 0.5,
          topP: 0.9,
          seed: 42,
          topLogprobs: 2,
          presencePenalty: 1,
          frequencyPenalty: -1,
          logitBias: new Map([[17, -100]]),
        },
        stop: ['x', 'y'],
        priority: 'high',
        tenant: 'default',
        deadlineMs: 1500,
      },
    ]);
  });

  test('fills in the defaults, also where a client sends null', async () => {
    const nulls = {
      max_tokens: null,
      temperature: null,
      top_p: null,
      seed: null,
      n: null,
      stop: null,
      stream: null,
      logit_bias: null,
      tools: null,
    };
    await ask({ model: 'default', messages, ...nulls, tool_choice: 'auto', response_format: { type: 'text' } });
    expect(front.service.requests[0]).toMatchObject({
      maxTokens: 256,
      isMaxTokensDefault: true,
      sampling: { temperature: 1, topP: 1 },
      stop: [],
      priority: 'normal',
      tenant: 'default',
      deadlineMs: undefined,
    });
    expect(Number.isSafeInteger(front.service.requests[0]?.sampling.seed)).toBe(true);
  });

  test('takes an empty nucleus as greedy', async () => {
    await ask({ model: 'default', messages, top_p: 0 });
    expect(front.service.requests[0]?.sampling).toMatchObject({ temperature: 0, topP: 1 });
  });

  test('reports log-probabilities with text and bytes', async () => {
    front.service.script = { texts: ['Hi'] };
    const response = await ask({ model: 'default', messages, logprobs: true, top_logprobs: 1 });
    expect(response.json().choices[0].logprobs).toEqual({
      content: [
        {
          token: '<0>',
          logprob: -0.5,
          bytes: [60, 48, 62],
          top_logprobs: [{ token: '<0>', logprob: -0.5, bytes: [60, 48, 62] }],
        },
      ],
      refusal: null,
    });
  });

  test('leaves out the log-probabilities of a stop text', async () => {
    front.service.script = { texts: ['Hi', '', ''], finishReason: 'stop' };
    const response = await ask({ model: 'default', messages, logprobs: true });
    expect(response.json().choices[0].logprobs.content.map((entry: { token: string }) => entry.token)).toEqual(['<0>']);
  });

  test('gives n choices, counts their prompt once and their seeds apart', async () => {
    const response = await ask({ model: 'default', messages, n: 3, seed: 5 });
    const body = response.json();
    expect(body.choices.map((choice: { index: number }) => choice.index)).toEqual([0, 1, 2]);
    expect(body.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 6, total_tokens: 13 });
    expect(front.service.requests.map((request) => request.sampling.seed)).toEqual([5, 6, 7]);
    expect(new Set(front.service.requests.map((request) => request.requestId)).size).toBe(3);
  });

  test('stops the other choices when one of them fails', async () => {
    let calls = 0;
    front.service.script = () => {
      calls += 1;
      if (calls === 2) return { failAt: { token: 1, error: new DispatcherError('DSP_CHAIN_FAILED', 'no chain left') } };
      return {
        texts: Array.from({ length: 1000 }, () => 'x'),
        beforeToken: () => new Promise((resolve) => setTimeout(resolve, 5)),
      };
    };
    const response = await ask({ model: 'default', messages, n: 3, max_tokens: 1000 });
    expect(response.statusCode).toBe(502);
    expect(front.service.running).toBe(0);
    expect(front.service.tokensPulled).toBeLessThan(20);
  });

  test('is an error when the generation ends without saying why', async () => {
    front.service.script = { isTruncated: true };
    const response = await ask({ model: 'default', messages });
    expect(response.statusCode).toBe(500);
    expect(response.json().error.code).toBe('internal_error');
  });
});

describe('a stream', () => {
  test('is the role, the texts, the reason and [DONE]', async () => {
    const response = await ask({ model: 'default', messages, stream: true });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-daisychain-chain': 'c0ffee000001',
      'x-daisychain-queue-ms': '0',
      'x-request-id': expect.any(String),
    });
    const events = eventsOf(response.body) as {
      choices: { delta: object; finish_reason: string | null }[];
      object: string;
    }[];
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1);
    expect(chunks.every((chunk) => chunk.object === 'chat.completion.chunk' && !('usage' in chunk))).toBe(true);
    expect(chunks.map((chunk) => [chunk.choices[0]?.delta, chunk.choices[0]?.finish_reason])).toEqual([
      [{ role: 'assistant', content: '', refusal: null }, null],
      [{ content: 'Hello' }, null],
      [{ content: ' world' }, null],
      [{}, 'stop'],
    ]);
  });

  test('ends with the usage when asked, and says null before', async () => {
    const response = await ask({ model: 'default', messages, stream: true, stream_options: { include_usage: true } });
    const chunks = eventsOf(response.body).slice(0, -1) as { usage: unknown; choices: unknown[] }[];
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  test('interleaves n choices, each complete', async () => {
    const response = await ask({ model: 'default', messages, stream: true, n: 2 });
    const texts = ['', ''];
    const ends: unknown[] = [];
    for (const event of eventsOf(response.body).slice(0, -1) as {
      choices: { index: 0 | 1; delta: { content?: string }; finish_reason: unknown }[];
    }[]) {
      const choice = event.choices[0]!;
      texts[choice.index] += choice.delta.content ?? '';
      if (choice.finish_reason) ends.push(choice.index);
    }
    expect(texts).toEqual(['Hello world', 'Hello world']);
    expect(ends.sort()).toEqual([0, 1]);
  });

  test('fails with a status of its own before its first text', async () => {
    front.service.script = {
      failAt: { token: 0, error: new DispatcherError('DSP_CHAIN_FAILED', 'every chain failed', { serverId: 's1' }) },
    };
    const response = await ask({ model: 'default', messages, stream: true });
    expect(response.statusCode).toBe(502);
    expect(response.json()).toEqual({
      error: { message: 'every chain failed', type: 'server_error', param: null, code: 'chain_failed' },
    });
  });

  test('tells a later failure in its last event, without [DONE]', async () => {
    front.service.script = {
      failAt: { token: 1, error: new DispatcherError('DSP_CHAIN_FAILED', 'every chain failed') },
    };
    const response = await ask({ model: 'default', messages, stream: true });
    expect(response.statusCode).toBe(200);
    const events = eventsOf(response.body);
    expect(events.at(-1)).toEqual({
      error: { message: 'every chain failed', type: 'server_error', param: null, code: 'chain_failed' },
    });
    expect(events).toHaveLength(3);
    expect(front.service.running).toBe(0);
  });

  test('hides the inside of an unexpected failure', async () => {
    front.service.script = { failAt: { token: 1, error: new Error('secret at /home/x') } };
    const response = await ask({ model: 'default', messages, stream: true });
    expect(response.body).not.toContain('secret');
    expect(eventsOf(response.body).at(-1)).toMatchObject({ error: { type: 'server_error', code: 'internal_error' } });
  });
});
