/**
 * The real model against values that Hugging Face transformers computed in float32: however the blocks are
 * cut into spans and the prompt into chunks, the same 60 tokens must come out.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { LanguageModel } from '../../src/application/ports/language-model.ts';
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { generateGreedily, readReference, SplitRun, TINY_AUSTEN } from '../support/tiny-austen.ts';

const BLOCKS = 6;
const CHUNK_TOKENS = [1, 5, 7, 256];
const reference = readReference();

let model: LanguageModel;
let host: BlockHost;

beforeAll(async () => {
  // Assigning to the ports also checks, at compile time, that the classes satisfy them.
  model = await openLanguageModel(TINY_AUSTEN);
  host = await createBlockHost({ modelPath: TINY_AUSTEN, memoryBytes: 64 * 1024 * 1024 });
  await host.host({ firstBlock: 0, blockCount: BLOCKS }, 16 * 1024 * 1024);
});

afterAll(async () => {
  await host?.close();
  await model?.close();
});

/** Every way to cut the blocks into contiguous spans: each subset of the five borders. */
const CUTS = Array.from({ length: 2 ** (BLOCKS - 1) }, (_, mask) =>
  [1, 2, 3, 4, 5].filter((border) => (mask & (1 << (border - 1))) !== 0),
);

describe('tiny-austen', () => {
  it('encodes the prompt as the reference does', () => {
    expect(model.encode(reference.prompt)).toEqual(reference.prompt_tokens);
    expect(model.decode(reference.prompt_tokens)).toBe(reference.prompt);
  });

  it.each(CUTS.map((cuts, i) => ({ cuts, chunkTokens: CHUNK_TOKENS[i % CHUNK_TOKENS.length]! })))(
    'continues greedily with the 60 reference tokens when cut at $cuts with chunks of $chunkTokens',
    async ({ cuts, chunkTokens }) => {
      const run = new SplitRun(model, host, cuts, 80);
      const tokens = await generateGreedily(model, run, reference.prompt_tokens, 60, chunkTokens);
      run.close();
      expect(tokens).toEqual(reference.greedy_tokens);
    },
  );

  it.each(CHUNK_TOKENS)(
    'gives the reference log-probabilities when fed in chunks of %i tokens',
    async (chunkTokens) => {
      const run = new SplitRun(model, host, [2, 3], 20);
      const hidden = await run.feed(reference.prompt_tokens, chunkTokens);
      run.close();
      const largest = Math.max(...reference.logits);
      const logSum = largest + Math.log(reference.logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
      // A bias makes each token the choice in turn, so its unbiased log-probability is reported.
      const choices = await Promise.all(
        reference.logits.map((_, token) =>
          model
            .createSampler({ temperature: 0, topP: 1, seed: 1, topLogprobs: 0, logitBias: new Map([[token, 1000]]) })
            .next(hidden),
        ),
      );
      const differences = choices.map(({ logprob }, token) => Math.abs(logprob! + logSum - reference.logits[token]!));
      expect(choices.map(({ token }) => token)).toEqual(reference.logits.map((_, token) => token));
      expect(Math.max(...differences)).toBeLessThan(1e-3);
    },
  );

  it('keeps interleaved sessions apart', async () => {
    const prompts = [reference.prompt_tokens, model.encode('Emma Woodhouse, handsome, clever'), model.encode('The')];
    const alone: number[][] = [];
    for (const prompt of prompts) {
      const run = new SplitRun(model, host, [3], 60);
      alone.push(await generateGreedily(model, run, prompt, 20, 256));
      run.close();
    }
    const runs = prompts.map((_, i) => new SplitRun(model, host, [i + 1], 60));
    const together = await Promise.all(
      runs.map((run, i) => generateGreedily(model, run, prompts[i]!, 20, [256, 3, 1][i]!)),
    );
    for (const run of runs) run.close();
    expect(together).toEqual(alone);
  });
});
