import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../../src/application/ports/language-model.ts';
import { openLanguageModel } from '../../../src/language-model/open-language-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

const folder = mkdtempSync(join(tmpdir(), 'language-model-'));
let model: LanguageModel;

beforeAll(async () => {
  model = await openLanguageModel(TINY_AUSTEN);
});

afterAll(async () => {
  await model?.close();
  rmSync(folder, { recursive: true });
});

const hidden = (phase: number): Float32Array => Float32Array.from({ length: 192 }, (_, i) => Math.sin(i * phase));

describe('LanguageModel', () => {
  it('tells the shape of the model in bytes of float32', () => {
    expect(model).toMatchObject({
      id: 'tiny-austen',
      blockCount: 6,
      hiddenSize: 192,
      vocabularySize: 1024,
      contextTokens: 512,
      blockBytes: 4 * (2 * 192 * 192 + 2 * 96 * 192 + 3 * 512 * 192 + 2 * 192),
      cacheBytesPerTokenPerBlock: 2 * 3 * 32 * 4,
      endTokens: new Set([0]),
    });
  });

  it('gives one row of embeddings per token', () => {
    const rows = model.embed([5, 6, 5]);
    expect(rows).toHaveLength(3 * 192);
    expect(rows.subarray(0, 192)).toEqual(rows.subarray(384));
    expect(rows.subarray(0, 192)).not.toEqual(rows.subarray(192, 384));
  });

  it.each([-1, 1024, 1.5, Number.NaN])('refuses to embed token %d', (token) => {
    expect(() => model.embed([token])).toThrow(expect.objectContaining({ code: 'DSP_INVALID_ARGUMENT' }));
  });

  it('refuses a text that cannot fit the context before it encodes it', () => {
    const start = performance.now();
    expect(() => model.encode('x'.repeat(50_000_000))).toThrow(
      expect.objectContaining({ code: 'DSP_CONTEXT_TOO_LONG' }),
    );
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(model.encode('x'.repeat(1000)).length).toBeGreaterThan(512);
  });

  it('joins the contents of a conversation by blank lines when there is no chat template', () => {
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello' },
    ];
    expect(model.renderChat(messages)).toBe('Be kind.\n\nHello');
  });

  it('renders a chat template and refuses a conversation that the template refuses', async () => {
    const path = join(folder, 'chatty');
    cpSync(TINY_AUSTEN, path, { recursive: true });
    const template = `{{ bos_token }}{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;
    const config = { chat_template: [{ name: 'default', template }], bos_token: { content: '<s>' } };
    writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify(config));
    const chatty = await openLanguageModel(path);
    expect(chatty.renderChat([{ role: 'user', content: 'Hi' }])).toBe('<s><user>Hi<assistant>');
    expect(() => chatty.renderChat([{ role: 'tool', content: '' }])).toThrow(
      expect.objectContaining({ code: 'DSP_INVALID_ARGUMENT', param: 'messages' }),
    );
    await chatty.close();
    writeFileSync(join(path, 'chat_template.jinja'), '{% for %}');
    await expect(openLanguageModel(path)).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param: 'chat_template' });
  });

  it('reports weights that do not fit the configuration', async () => {
    const path = join(folder, 'wide');
    cpSync(TINY_AUSTEN, path, { recursive: true });
    const config = readFileSync(join(path, 'config.json'), 'utf8').replace('"vocab_size": 1024', '"vocab_size": 2048');
    writeFileSync(join(path, 'config.json'), config);
    await expect(openLanguageModel(path)).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      param: 'model.embed_tokens.weight',
    });
  });
});

describe('TokenSampler', () => {
  const options = { temperature: 1, topP: 0.95, seed: 42 };
  const draw = async (seed: number): Promise<number[]> => {
    const sampler = model.createSampler({ ...options, seed });
    const tokens: number[] = [];
    for (let i = 0; i < 12; i += 1) tokens.push((await sampler.next(hidden(i / 10))).token);
    return tokens;
  };

  it('gives the same tokens for the same seed, whatever else runs, and others for another seed', async () => {
    const alone = await draw(42);
    const crowd = await Promise.all([42, 1, 2, 3, 42].map(draw));
    expect(crowd[0]).toEqual(alone);
    expect(crowd[4]).toEqual(alone);
    expect(crowd[1]).not.toEqual(alone);
  });

  it('gives one row the same token alone and in a batch', async () => {
    const greedy = { temperature: 0, topP: 1, seed: 0, topLogprobs: 3 };
    const alone = [];
    for (let i = 0; i < 40; i += 1) alone.push(await model.createSampler(greedy).next(hidden(i)));
    const batch = await Promise.all(alone.map((_, i) => model.createSampler(greedy).next(hidden(i))));
    expect(batch.map(({ token }) => token)).toEqual(alone.map(({ token }) => token));
    for (const [i, { logprob }] of batch.entries()) expect(logprob).toBeCloseTo(alone[i]!.logprob!, 4);
  });

  it('lowers the logits of tokens that it gave before, by the penalties', async () => {
    const sampler = model.createSampler({ temperature: 0, topP: 1, seed: 0, presencePenalty: 100 });
    const tokens = [];
    for (let i = 0; i < 5; i += 1) tokens.push((await sampler.next(hidden(1))).token);
    expect(new Set(tokens).size).toBe(5);
    const often = model.createSampler({ temperature: 0, topP: 1, seed: 0, frequencyPenalty: 100 });
    const [first, second] = [await often.next(hidden(1)), await often.next(hidden(1))];
    expect(second.token).not.toBe(first.token);
  });

  it.each<[string, object]>([
    ['temperature', { temperature: -1 }],
    ['temperature', { temperature: Number.NaN }],
    ['topP', { topP: 0 }],
    ['topP', { topP: 1.1 }],
    ['seed', { seed: 2 ** 60 }],
    ['topLogprobs', { topLogprobs: 21 }],
    ['logitBias', { logitBias: new Map([[1024, 1]]) }],
    ['logitBias', { logitBias: new Map([[1, Number.POSITIVE_INFINITY]]) }],
    ['presencePenalty', { presencePenalty: Number.NaN }],
  ])('names %s when it is wrong', (param, change) => {
    expect(() => model.createSampler({ ...options, ...change })).toThrow(
      expect.objectContaining({ code: 'DSP_INVALID_ARGUMENT', param }),
    );
  });

  it('blames the chain for rows of the wrong length or with numbers that are not finite', async () => {
    const sampler = model.createSampler(options);
    await expect(sampler.next(new Float32Array(7))).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
    await expect(sampler.next(new Float32Array(192).fill(Number.NaN))).rejects.toMatchObject({
      code: 'DSP_BAD_OUTPUT',
    });
    expect((await sampler.next(hidden(1))).token).toBeTypeOf('number');
  });

  it('refuses rows beyond its bound', async () => {
    const small = await openLanguageModel(TINY_AUSTEN, { maxWaitingRows: 2 });
    const rows = [1, 2, 3].map((i) => small.createSampler(options).next(hidden(i)));
    const results = await Promise.allSettled(rows);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ code: 'DSP_QUEUE_FULL' });
    await small.close();
  });

  it('rejects rows that wait when the model is closed', async () => {
    const closing = await openLanguageModel(TINY_AUSTEN);
    const row = closing.createSampler(options).next(hidden(1));
    const closed = closing.close();
    await expect(row).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await closed;
  });
});
