/**
 * The models with weights in 8 bits: against what was recorded of tiny-austen (test/golden/data/tiny-austen-int8.json),
 * and against themselves in float32. The recorded text has no near ties, so that another processor's order of summing
 * does not change it; its log-probabilities are those of 8 bits, farther from float32 than the tolerance.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { LanguageModel } from '../../src/application/ports/language-model.ts';
import { createBlockHost } from '../../src/block-server/create-block-host.ts';
import type { WeightsDtype } from '../../src/domain/model/weights-dtype.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { findSmollm2 } from '../support/smollm2.ts';
import { generateGreedily, SplitRun, TINY_AUSTEN } from '../support/tiny-austen.ts';

interface Golden {
  readonly prompt: string;
  readonly tokens: number[];
  /** Of each token where it was chosen. */
  readonly logprobs: number[];
}

const TOLERANCE = 0.004;
const golden = JSON.parse(readFileSync(new URL('data/tiny-austen-int8.json', import.meta.url), 'utf8')) as Golden;
const TEXT =
  'She was the youngest of the two daughters of a most affectionate, indulgent father; and had, in consequence of her ' +
  "sister's marriage, been mistress of his house from a very early period. Her mother had died too long ago for her to " +
  'have more than an indistinct remembrance of her caresses; and her place had been supplied by an excellent woman as ' +
  'governess, who had fallen little short of a mother in affection.';

class Served {
  readonly model: LanguageModel;
  readonly host: BlockHost;

  constructor(model: LanguageModel, host: BlockHost) {
    this.model = model;
    this.host = host;
  }

  static async open(path: string, dtype: WeightsDtype): Promise<Served> {
    const model = await openLanguageModel(path, { dtype });
    const host = await createBlockHost({ modelPath: path, dtype, memoryBytes: 1e9 });
    await host.host({ firstBlock: 0, blockCount: host.blockCount }, 64e6);
    return new Served(model, host);
  }

  /** Of each token of the text after the first: its log-probability, and whether which token is the likeliest. */
  async score(text: string): Promise<{ readonly logprob: number; readonly likeliest: number }[]> {
    const tokens = this.model.encode(text);
    const session = this.host.openSession({ firstBlock: 0, blockCount: this.host.blockCount }, tokens.length);
    const { hidden } = await session.step(this.model.embed(tokens), tokens.length, tokens.length);
    session.close();
    const before = hidden.subarray(0, (tokens.length - 1) * this.model.hiddenSize);
    const scored = await this.model.scoreTokens(before, tokens.slice(1), 1);
    return scored.map(({ logprob, topLogprobs }) => ({ logprob: logprob!, likeliest: topLogprobs![0]!.token }));
  }

  async continue(prompt: string, count: number, cuts: readonly number[] = [], chunkTokens = 64): Promise<number[]> {
    const tokens = this.model.encode(prompt);
    const run = new SplitRun(this.model, this.host, cuts, tokens.length + count);
    const continued = await generateGreedily(this.model, run, tokens, count, chunkTokens);
    run.close();
    return continued;
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.model.close();
  }
}

function compare(float: { logprob: number; likeliest: number }[], int8: typeof float) {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    /** Share of places where both hold the same token for the likeliest. */
    agreement: mean(float.map(({ likeliest }, i) => (likeliest === int8[i]!.likeliest ? 1 : 0))),
    /** Of the perplexities. */
    ratio: Math.exp(mean(float.map(({ logprob }, i) => logprob - int8[i]!.logprob))),
  };
}

describe('tiny-austen in int8', () => {
  let float: Served;
  let int8: Served;
  beforeAll(async () => {
    float = await Served.open(TINY_AUSTEN, 'float32');
    int8 = await Served.open(TINY_AUSTEN, 'int8');
  });
  afterAll(async () => {
    await float?.close();
    await int8?.close();
  });

  it.each([
    { cuts: [], chunkTokens: 64 },
    { cuts: [2], chunkTokens: 1 },
    { cuts: [1, 2, 3, 4, 5], chunkTokens: 3 },
  ])('continues greedily with the recorded tokens when cut at $cuts with chunks of $chunkTokens', async (split) => {
    const tokens = await int8.continue(golden.prompt, golden.tokens.length, split.cuts, split.chunkTokens);
    expect(tokens).toEqual(golden.tokens);
  });

  it('gives the recorded log-probabilities, which are not those of float32', async () => {
    const text = golden.prompt + int8.model.decode(golden.tokens);
    const count = golden.tokens.length;
    const largestDifference = async (served: Served): Promise<number> => {
      const scored = (await served.score(text)).slice(-count);
      return Math.max(...scored.map(({ logprob }, i) => Math.abs(logprob - golden.logprobs[i]!)));
    };
    expect(await largestDifference(int8)).toBeLessThan(TOLERANCE);
    expect(await largestDifference(float)).toBeGreaterThan(3 * TOLERANCE);
  });

  it('holds the same token for the likeliest as float32 nearly everywhere', async () => {
    const { agreement, ratio } = compare(await float.score(TEXT), await int8.score(TEXT));
    expect(agreement).toBeGreaterThan(0.97);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.01);
  });

  it('takes sessions apart when their steps run together', async () => {
    const alone = [
      await int8.continue('The', 12),
      await int8.continue('It was', 12),
      await int8.continue(golden.prompt, 12),
    ];
    const together = await Promise.all(['The', 'It was', golden.prompt].map((prompt) => int8.continue(prompt, 12)));
    expect(together).toEqual(alone);
  });
});

const smollm2 = await findSmollm2();

describe.skipIf(smollm2 === undefined)('smollm2-135m-instruct in int8', () => {
  let float: Served;
  let int8: Served;
  beforeAll(async () => {
    float = await Served.open(smollm2!, 'float32');
    int8 = await Served.open(smollm2!, 'int8');
  }, 60_000);
  afterAll(async () => {
    await float?.close();
    await int8?.close();
  });

  it('knows the capital of France', async () => {
    const prompt = int8.model.renderChat([{ role: 'user', content: 'Name the capital of France.' }]);
    expect(int8.model.decode(await int8.continue(prompt, 8))).toContain('Paris');
  });

  it('holds the same token for the likeliest as float32 nearly everywhere', async () => {
    const { agreement, ratio } = compare(await float.score(TEXT), await int8.score(TEXT));
    expect(agreement).toBeGreaterThan(0.93);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.03);
  });
});
