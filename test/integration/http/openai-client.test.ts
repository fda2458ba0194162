import OpenAI, { APIError, BadRequestError, NotFoundError, RateLimitError } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DispatcherError } from '../../../src/domain/shared/errors.ts';
import { buildTestFront, type TestFront } from '../../support/http-front.ts';

let front: TestFront;
let client: OpenAI;
beforeEach(async () => {
  front = buildTestFront();
  client = new OpenAI({ baseURL: `${await front.listen()}/v1`, apiKey: 'none' });
});
afterEach(() => front.app.close());

const messages = [{ role: 'user' as const, content: 'Hello' }];

async function failureOf(promise: Promise<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    return error as APIError;
  }
  throw new Error('did not fail');
}

describe("OpenAI's own client", () => {
  test('gets a whole chat answer', async () => {
    const { data, request_id } = await client.chat.completions.create({ model: 'default', messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe('Hello world');
    expect(data.usage?.total_tokens).toBe(9);
    expect(request_id).toBeTruthy();
  });

  test('gets a streamed chat answer with its usage', async () => {
    const stream = await client.chat.completions.create({
      model: 'default',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let total = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      total += chunk.usage?.total_tokens ?? 0;
    }
    expect(text).toBe('Hello world');
    expect(total).toBe(9);
  });

  test('assembles a stream of two choices with its helper', async () => {
    const stream = client.chat.completions.stream({
      model: 'default',
      messages,
      n: 2,
      logprobs: true,
      top_logprobs: 1,
    });
    const answer = await stream.finalChatCompletion();
    expect(answer.choices.map((choice) => choice.message.content)).toEqual(['Hello world', 'Hello world']);
    expect(answer.choices[1]?.logprobs?.content?.map((entry) => entry.token)).toEqual(['<0>', '<1>']);
  });

  test('gets completions, whole and streamed', async () => {
    const whole = await client.completions.create({ model: 'default', prompt: ['a', 'b'] });
    expect(whole.choices.map((choice) => choice.text)).toEqual(['Hello world', 'Hello world']);
    let text = '';
    for await (const chunk of await client.completions.create({ model: 'default', prompt: 'a', stream: true }))
      text += chunk.choices[0]?.text ?? '';
    expect(text).toBe('Hello world');
  });

  test('lists and finds models', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(['tiny-austen']);
    expect((await client.models.retrieve('default')).id).toBe('tiny-austen');
    expect(await failureOf(client.models.retrieve('other'))).toBeInstanceOf(NotFoundError);
  });

  test('throws BadRequestError with the field, and does not try again', async () => {
    const error = await failureOf(client.chat.completions.create({ model: 'default', messages, temperature: 9 }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param: 'temperature', code: 'invalid_value', type: 'invalid_request_error' });
    front.service.script = { refusal: new DispatcherError('DSP_CONTEXT_TOO_LONG', 'too long', { param: 'messages' }) };
    expect(await failureOf(client.chat.completions.create({ model: 'default', messages }))).toMatchObject({
      code: 'context_length_exceeded',
    });
    expect(front.service.requests).toHaveLength(1);
  });

  test('throws NotFoundError for a model that is not served', async () => {
    expect(await failureOf(client.chat.completions.create({ model: 'gpt-4', messages }))).toBeInstanceOf(NotFoundError);
  });

  test('tries again by itself after the time that a full queue names', async () => {
    const times: number[] = [];
    front.service.script = () => {
      times.push(performance.now());
      return times.length < 3
        ? { refusal: new DispatcherError('DSP_QUEUE_FULL', 'full', { retryAfterMs: 30 }) }
        : { texts: ['served'] };
    };
    const answer = await client.chat.completions.create({ model: 'default', messages });
    expect(answer.choices[0]?.message.content).toBe('served');
    expect(times).toHaveLength(3);
    // Its own first wait without the header would be 375 ms or more.
    expect(times[2]! - times[0]!).toBeGreaterThan(55);
    expect(times[2]! - times[0]!).toBeLessThan(700);
  });

  test('throws RateLimitError when the queue stays full', async () => {
    front.service.script = { refusal: new DispatcherError('DSP_QUEUE_FULL', 'full', { retryAfterMs: 5 }) };
    const error = await failureOf(client.chat.completions.create({ model: 'default', messages }));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.code).toBe('queue_full');
    expect(front.service.requests).toHaveLength(3);
  });

  test('does not try again after a deadline that cannot be met', async () => {
    front.service.script = { refusal: new DispatcherError('DSP_DEADLINE_EXCEEDED', 'too late') };
    const error = await failureOf(client.chat.completions.create({ model: 'default', messages }));
    expect(error).toMatchObject({ status: 408, code: 'deadline_exceeded' });
    expect(front.service.requests).toHaveLength(1);
  });

  test('throws APIError in the middle of a stream that fails', async () => {
    front.service.script = {
      texts: ['a', 'b'],
      failAt: { token: 1, error: new DispatcherError('DSP_CHAIN_FAILED', 'no chain left') },
    };
    const stream = await client.chat.completions.create({ model: 'default', messages, stream: true });
    let text = '';
    const error = await failureOf(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      })(),
    );
    expect(text).toBe('a');
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'chain_failed', message: 'no chain left' });
  });

  test('frees the slot when its user stops reading', async () => {
    front.service.script = {
      texts: ['a', 'b'],
      beforeToken: (index, signal) =>
        index === 0
          ? Promise.resolve()
          : new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
            ),
    };
    const stream = await client.chat.completions.create({ model: 'default', messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'a') break;
    for (let i = 0; i < 200 && front.service.running > 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(front.service.running).toBe(0);
  });
});
