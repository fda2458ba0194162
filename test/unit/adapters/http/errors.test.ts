import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HTTP_ERRORS, retryHeaders } from '../../../../src/adapters/http/error-map.ts';
import { DispatcherError, ERROR_CODES } from '../../../../src/domain/shared/errors.ts';
import { accessTo } from '../../../support/access-keys.ts';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
beforeEach(() => {
  front = buildTestFront({ bodyLimitBytes: 10_000, maxJobsPerRequest: 4 });
});
afterEach(() => front.app.close());

const messages = [{ role: 'user', content: 'Hello' }];
const chat = (extra: object, headers: Record<string, string> = {}) =>
  front.app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    headers,
    payload: { model: 'default', messages, ...extra },
  });
const complete = (body: object) =>
  front.app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'default', ...body } });

describe('a request with a wrong field', () => {
  test.each<[string, object, string]>([
    ['no messages', { messages: undefined }, 'messages'],
    ['an empty list of messages', { messages: [] }, 'messages'],
    ['messages as a text', { messages: 'hi' }, 'messages'],
    ['an unknown role', { messages: [{ role: 'king', content: 'x' }] }, 'messages[0].role'],
    ['a number as content', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    ['no content', { messages: [{ role: 'user' }] }, 'messages[0].content'],
    [
      'a content part without text',
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages[0].content[0].text',
    ],
    ['no model', { model: undefined }, 'model'],
    ['a model of the wrong type', { model: 3 }, 'model'],
    ['a temperature as text', { temperature: '0.5' }, 'temperature'],
    ['a temperature above 2', { temperature: 2.1 }, 'temperature'],
    ['a negative top_p', { top_p: -0.1 }, 'top_p'],
    ['a fraction as max_tokens', { max_tokens: 1.5 }, 'max_tokens'],
    ['no tokens at all', { max_tokens: 0 }, 'max_tokens'],
    ['a negative max_completion_tokens', { max_completion_tokens: -1 }, 'max_completion_tokens'],
    ['five stop texts', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    ['an empty stop text', { stop: [''] }, 'stop[0]'],
    ['stream as text', { stream: 'yes' }, 'stream'],
    ['no choices', { n: 0 }, 'n'],
    ['more choices than allowed', { n: 5 }, 'n'],
    ['a huge seed', { seed: 1e300 }, 'seed'],
    ['a bias for a word', { logit_bias: { hello: 1 } }, 'logit_bias.hello'],
    ['a bias of 101', { logit_bias: { '1': 101 } }, 'logit_bias.1'],
    ['21 alternatives', { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    ['alternatives without log-probabilities', { top_logprobs: 2 }, 'top_logprobs'],
    ['a penalty of 3', { presence_penalty: 3 }, 'presence_penalty'],
    ['stream options as text', { stream_options: 'usage' }, 'stream_options'],
  ])('is refused for %s, naming it', async (_what, extra, param) => {
    const response = await chat(extra);
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toEqual({
      message: expect.stringContaining(param),
      type: 'invalid_request_error',
      param,
      code: 'invalid_value',
    });
    expect(front.service.requests).toHaveLength(0);
  });

  test.each<[string, object, string]>([
    ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    ['functions', { functions: [{ name: 'f' }] }, 'functions'],
    ['a forced tool', { tool_choice: 'required' }, 'tool_choice'],
    ['JSON mode', { response_format: { type: 'json_object' } }, 'response_format'],
    ['audio', { modalities: ['text', 'audio'] }, 'modalities'],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content[0].type',
    ],
    ['a tool answer', { messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
  ])('is refused for %s, which is not served', async (_what, extra, param) => {
    const response = await chat(extra);
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({
      type: 'invalid_request_error',
      param,
      code: 'unsupported_parameter',
    });
  });

  test.each<[string, object, string]>([
    ['no prompt', {}, 'prompt'],
    ['an empty list of prompts', { prompt: [] }, 'prompt'],
    ['mixed prompts', { prompt: ['a', 1] }, 'prompt'],
    ['a negative token', { prompt: [-1] }, 'prompt'],
    ['an empty token list', { prompt: [[]] }, 'prompt'],
    ['too many prompts', { prompt: ['a', 'b', 'c', 'd', 'e'] }, 'prompt'],
    ['no tokens without echo', { prompt: 'a', max_tokens: 0 }, 'max_tokens'],
    ['a suffix', { prompt: 'a', suffix: 'z' }, 'suffix'],
    ['best_of', { prompt: 'a', best_of: 2 }, 'best_of'],
    ['true as logprobs', { prompt: 'a', logprobs: true }, 'logprobs'],
  ])('of a completion is refused for %s', async (_what, body, param) => {
    const response = await complete(body);
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({ type: 'invalid_request_error', param });
  });

  test.each([
    ['x-daisychain-priority', 'urgent'],
    ['x-daisychain-deadline-ms', '-5'],
    ['x-daisychain-deadline-ms', '1e3'],
    ['x-daisychain-deadline-ms', '99999999999'],
    ['x-daisychain-tenant', 'a b'],
    ['x-daisychain-tenant', 'x'.repeat(65)],
  ])('is refused for the header %s: %s', async (header, value) => {
    const response = await chat({}, { [header]: value });
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({ param: header, code: 'invalid_value' });
  });

  test('costs one complaint, however many of its items are wrong', async () => {
    const big = buildTestFront();
    const payload = `{"model":"default","messages":[${'1,'.repeat(1_000_000)}1]}`;
    const before = performance.now();
    const response = await big.app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      payload,
    });
    expect(response.statusCode).toBe(400);
    expect(response.json().error.param).toBe('messages');
    expect(performance.now() - before).toBeLessThan(2_000);
    await big.app.close();
  });
});

describe('a body that is no request', () => {
  const post = (payload: string, contentType = 'application/json') =>
    front.app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: { 'content-type': contentType },
      payload,
    });

  test.each<[string, string, string, number, string]>([
    ['broken JSON', '{"model":', 'application/json', 400, 'invalid_value'],
    ['nothing', '', 'application/json', 400, 'invalid_value'],
    ['a list', '[]', 'application/json', 400, 'invalid_value'],
    ['null', 'null', 'application/json', 400, 'invalid_value'],
    ['a polluted prototype', '{"__proto__": {"x": 1}}', 'application/json', 400, 'invalid_value'],
    ['a form', 'a=b', 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
    ['a text', 'hi', 'text/plain', 415, 'unsupported_media_type'],
    ['an oversized body', `{"a":"${'x'.repeat(20_000)}"}`, 'application/json', 413, 'request_too_large'],
  ])('is refused: %s', async (_what, payload, contentType, status, code) => {
    const response = await post(payload, contentType);
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: null, code },
    });
    expect(response.headers['x-request-id']).toBeTruthy();
  });
});

describe('a path or method that does not exist', () => {
  test.each<[string, string, number, string]>([
    ['GET', '/nothing', 404, 'not_found'],
    ['POST', '/v1/embeddings', 404, 'not_found'],
    ['GET', '/v1/chat/completions', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models/tiny-austen', 405, 'method_not_allowed'],
    ['POST', '/readyz', 405, 'method_not_allowed'],
    ['GET', '/v1/models/other', 404, 'model_not_found'],
    ['GET', '/%', 400, 'invalid_value'],
  ])('%s %s answers in the form of an error', async (method, url, status, code) => {
    const response = await front.app.inject({ method: method as 'GET', url });
    expect(response.statusCode).toBe(status);
    expect(response.json().error).toMatchObject({ type: 'invalid_request_error', code });
    expect(response.headers['x-request-id']).toBeTruthy();
  });
});

describe('errors of the application', () => {
  test.each<[string, DispatcherError, number, object, Record<string, string>]>([
    [
      'a full queue',
      new DispatcherError('DSP_QUEUE_FULL', 'm', { retryAfterMs: 1234.2 }),
      429,
      { type: 'rate_limit_error', code: 'queue_full' },
      { 'retry-after': '2', 'retry-after-ms': '1235' },
    ],
    [
      'a long wait',
      new DispatcherError('DSP_QUEUE_FULL', 'm', { retryAfterMs: 999_999 }),
      429,
      { code: 'queue_full' },
      { 'retry-after': '120', 'retry-after-ms': '120000' },
    ],
    [
      'a prompt that never fits',
      new DispatcherError('DSP_CONTEXT_TOO_LONG', 'm', { param: 'messages' }),
      400,
      { code: 'context_length_exceeded', param: 'messages' },
      { 'x-should-retry': 'false' },
    ],
    [
      'a deadline',
      new DispatcherError('DSP_DEADLINE_EXCEEDED', 'm'),
      408,
      { type: 'timeout_error', code: 'deadline_exceeded' },
      { 'x-should-retry': 'false' },
    ],
    [
      'no plan',
      new DispatcherError('DSP_NO_CAPACITY', 'm'),
      503,
      { type: 'server_error', code: 'no_capacity' },
      { 'retry-after': '5' },
    ],
    [
      'draining',
      new DispatcherError('DSP_DRAINING', 'm'),
      503,
      { type: 'server_error', code: 'draining' },
      { 'retry-after': '1' },
    ],
    [
      'an unknown model',
      new DispatcherError('DSP_MODEL_NOT_FOUND', 'm', { param: 'model' }),
      404,
      { type: 'invalid_request_error', code: 'model_not_found', param: 'model' },
      {},
    ],
  ])('%s keeps its status, code and headers', async (_what, refusal, status, error, headers) => {
    front.service.script = { refusal };
    const response = await chat({});
    expect(response.statusCode).toBe(status);
    expect(response.json().error).toMatchObject({ message: 'm', param: null, ...error });
    expect(response.headers).toMatchObject(headers);
  });

  test('none asks a client to wait for longer than two minutes or for no time at all', () => {
    for (const code of ERROR_CODES) {
      for (const retryAfterMs of [-1, 0, 1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
        const seconds = retryHeaders(new DispatcherError(code, 'm', { retryAfterMs }))['retry-after'];
        if (seconds !== undefined) expect(Number(seconds)).toSatisfy((wait: number) => wait >= 1 && wait <= 120);
      }
      expect(HTTP_ERRORS[code].status).toBeGreaterThanOrEqual(400);
    }
  });

  test('name the field as the client wrote it', async () => {
    front.service.script = { refusal: new DispatcherError('DSP_CONTEXT_TOO_LONG', 'm', { param: 'prompt' }) };
    expect((await chat({})).json().error.param).toBe('messages');
    expect((await complete({ prompt: 'a' })).json().error.param).toBe('prompt');
    front.service.script = { refusal: new DispatcherError('DSP_INVALID_ARGUMENT', 'm', { param: 'logitBias' }) };
    expect((await chat({})).json().error.param).toBe('logit_bias');
  });

  test('are logged without the prompt', async () => {
    front.service.script = { failAt: { token: 0, error: new Error('boom') } };
    const response = await chat({ messages: [{ role: 'user', content: 'a private matter' }] });
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain('boom');
    expect(front.log.lines.at(-1)).toMatchObject({ level: 'error', message: 'request failed' });
    expect(JSON.stringify(front.log.lines)).not.toContain('private');
  });
});

describe('request ids', () => {
  test.each(['ok-1', 'a'.repeat(128), 'req:7/b=+c@d.e_f'])('of the client come back: %s', async (id) => {
    const response = await front.app.inject({ url: '/livez', headers: { 'x-request-id': id } });
    expect(response.headers['x-request-id']).toBe(id);
  });

  test.each(['', 'a'.repeat(129), 'a b', 'quote"', 'naïve'])('that are not sane are replaced: %s', async (id) => {
    const response = await front.app.inject({ url: '/nothing', headers: { 'x-request-id': id } });
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('with API keys', () => {
  test('only known keys come in, and probes and metrics stay open', async () => {
    const guarded = buildTestFront({}, { access: accessTo({ clients: ['key-one'] }) });
    const list = (authorization?: string) =>
      guarded.app.inject({ url: '/v1/models', headers: authorization ? { authorization } : {} });
    for (const authorization of [undefined, 'Bearer wrong', 'Basic key-one', 'Bearer']) {
      const response = await list(authorization);
      expect(response.statusCode).toBe(401);
      expect(response.json().error).toMatchObject({ type: 'authentication_error', code: 'invalid_api_key' });
    }
    expect((await list('Bearer key-one')).statusCode).toBe(200);
    expect((await guarded.app.inject('/livez')).statusCode).toBe(200);
    await guarded.app.close();
  });
});
