/**
 * SmolLM2-135M-Instruct from its GGUF file against Hugging Face transformers in float32 on the same dequantised
 * weights (test/fixtures/reference/make_reference.py). Runs where the model has been fetched.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { LanguageModel } from '../../src/application/ports/language-model.ts';
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { findSmollm2, readGolden } from '../support/smollm2.ts';
import { generateGreedily, SplitRun } from '../support/tiny-austen.ts';

interface Greedy {
  readonly message: string;
  readonly rendered: string;
  readonly prompt_tokens: number[];
  readonly greedy_tokens: number[];
  /** The largest logits after the prompt: (token, logit). */
  readonly top_logits: [number, number][];
  readonly logsumexp: number;
}

const path = await findSmollm2();
const records = readGolden<Greedy[]>('smollm2-greedy.json');

describe.skipIf(path === undefined)('smollm2-135m-instruct', () => {
  let model: LanguageModel;
  let host: BlockHost;
  beforeAll(async () => {
    model = await openLanguageModel(path!);
    host = await createBlockHost({ modelPath: path!, memoryBytes: 1e9 });
    await host.host({ firstBlock: 0, blockCount: 30 }, 64e6);
  });
  afterAll(async () => {
    await host?.close();
    await model?.close();
  });

  it.each(records)('answers "$message" with the reference tokens', async (record) => {
    expect(model.renderChat([{ role: 'user', content: record.message }])).toBe(record.rendered);
    expect(model.encode(record.rendered)).toEqual(record.prompt_tokens);
    const run = new SplitRun(model, host, [7, 8, 23], 120);
    const tokens = await generateGreedily(model, run, record.prompt_tokens, record.greedy_tokens.length, 16);
    run.close();
    expect(tokens).toEqual(record.greedy_tokens);
  });

  it.each(records)('gives "$message" the reference log-probabilities', async (record) => {
    const run = new SplitRun(model, host, [11], 60);
    const hidden = await run.feed(record.prompt_tokens, 256);
    run.close();
    const sampler = model.createSampler({ temperature: 0, topP: 1, seed: 1, topLogprobs: 20 });
    const { topLogprobs } = await sampler.next(hidden);
    const expected = new Map(record.top_logits);
    for (const { token, logprob } of topLogprobs!) {
      expect(Math.abs(logprob + record.logsumexp - expected.get(token)!)).toBeLessThan(1e-3);
    }
  });
});
