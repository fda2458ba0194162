import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront;
beforeEach(() => {
  front = buildTestFront();
});
afterEach(() => front.app.close());

const ask = (body: object) =>
  front.app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'default', ...body } });

test('a whole answer has the shape of OpenAI', async () => {
  const response = await ask({ prompt: 'Once' });
  expect(response.json()).toEqual({
    id: expect.stringMatching(/^cmpl-/),
    object: 'text_completion',
    created: expect.any(Number),
    model: 'tiny-austen',
    choices: [{ index: 0, text: 'Hello world', logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
  });
});

test.each<[string, unknown, unknown[]]>([
  ['a text', 'a', [{ kind: 'text', text: 'a' }]],
  ['tokens', [1, 2], [{ kind: 'tokens', tokens: [1, 2] }]],
  [
    'texts',
    ['a', 'b'],
    [
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b' },
    ],
  ],
  [
    'token lists',
    [[1], [2]],
    [
      { kind: 'tokens', tokens: [1] },
      { kind: 'tokens', tokens: [2] },
    ],
  ],
])('a prompt may be %s', async (_what, prompt, expected) => {
  const response = await ask({ prompt });
  expect(response.statusCode).toBe(200);
  expect(front.service.requests.map((request) => request.prompt)).toEqual(expected);
});

test('several prompts with several choices are numbered prompt by prompt and counted once each', async () => {
  front.service.script = (request) => ({
    texts: [request.prompt.kind === 'text' ? request.prompt.text : '', request.requestId.slice(-1)],
  });
  const response = await ask({ prompt: ['a', 'b'], n: 2, seed: 1 });
  const body = response.json();
  expect(body.choices.map((choice: { index: number; text: string }) => [choice.index, choice.text])).toEqual([
    [0, 'a0'],
    [1, 'a1'],
    [2, 'b2'],
    [3, 'b3'],
  ]);
  expect(body.usage).toEqual({ prompt_tokens: 14, completion_tokens: 8, total_tokens: 22 });
});

test('echo puts the prompt first, and its log-probabilities with it', async () => {
  const response = await ask({ prompt: 'Once', echo: true, logprobs: 1, max_tokens: 1 });
  const choice = response.json().choices[0];
  expect(choice.text).toBe('OnceHello');
  expect(choice.finish_reason).toBe('length');
  expect(choice.logprobs).toEqual({
    tokens: ['<900>', '<901>', '<0>'],
    token_logprobs: [null, -0.5, -0.5],
    top_logprobs: [null, { '<901>': -0.5 }, { '<0>': -0.5 }],
    text_offset: [0, 5, 10],
  });
});

test('echo without new tokens only scores the prompt', async () => {
  const response = await ask({ prompt: 'Once', echo: true, logprobs: 0, max_tokens: 0 });
  expect(response.statusCode).toBe(200);
  expect(response.json().choices[0].text).toBe('Once');
  expect(front.service.requests[0]?.maxTokens).toBe(0);
});

test('a stream sends texts, then the reason, then [DONE]', async () => {
  front.service.script = { texts: ['a', '', 'b'], endText: 'c', finishReason: 'length' };
  const response = await ask({ prompt: 'Once', stream: true });
  const lines = response.body.split('\n\n').filter((line) => line !== '');
  expect(lines.at(-1)).toBe('data: [DONE]');
  const choices = lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)).choices[0]);
  expect(choices.map((choice) => [choice.text, choice.finish_reason])).toEqual([
    ['a', null],
    ['b', null],
    ['c', 'length'],
  ]);
});

test('several answers and log-probabilities are refused where the application does not offer them', async () => {
  const bare = buildTestFront();
  Object.assign(bare.service, { generateTogether: undefined, tokenTexts: undefined });
  for (const [extra, param] of [
    [{ n: 2 }, 'n'],
    [{ logprobs: 1 }, 'logprobs'],
  ] as const) {
    const response = await bare.app.inject({
      method: 'POST',
      url: '/v1/completions',
      payload: { model: 'default', prompt: 'a', ...extra },
    });
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({ param, code: 'unsupported_parameter' });
  }
  await bare.app.close();
});
