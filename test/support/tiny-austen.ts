import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { LanguageModel } from '../../src/application/ports/language-model.ts';

/** The model kept in the repository. */
export const TINY_AUSTEN = fileURLToPath(new URL('../../models/tiny-austen', import.meta.url));

/** What the reference implementation made of one prompt. */
export interface Reference {
  readonly prompt: string;
  readonly prompt_tokens: number[];
  readonly greedy_tokens: number[];
  /** After the prompt, one per token of the vocabulary. */
  readonly logits: number[];
}

export function readReference(): Reference {
  return JSON.parse(readFileSync(`${TINY_AUSTEN}/reference.json`, 'utf8')) as Reference;
}

/** Runs tokens through blocks split at `cuts` (ascending block numbers) on one host, one session per span. */
export class SplitRun {
  readonly #model: LanguageModel;
  readonly #sessions: ReturnType<BlockHost['openSession']>[];

  constructor(model: LanguageModel, host: BlockHost, cuts: readonly number[], maxTokens: number) {
    this.#model = model;
    const edges = [0, ...cuts, host.blockCount];
    this.#sessions = edges.slice(1).map((end, i) => {
      const firstBlock = edges[i]!;
      return host.openSession({ firstBlock, blockCount: end - firstBlock }, maxTokens);
    });
  }

  /** Hidden states of the last of `tokens` after all blocks, fed in chunks. */
  async feed(tokens: readonly number[], chunkTokens: number): Promise<Float32Array> {
    let last = new Float32Array(0);
    for (let first = 0; first < tokens.length; first += chunkTokens) {
      const chunk = tokens.slice(first, first + chunkTokens);
      let hidden = this.#model.embed(chunk);
      for (const [i, session] of this.#sessions.entries()) {
        const isLast = i === this.#sessions.length - 1;
        hidden = (await session.step(hidden, chunk.length, isLast ? 1 : chunk.length)).hidden;
      }
      last = hidden as Float32Array<ArrayBuffer>;
    }
    return last;
  }

  close(): void {
    for (const session of this.#sessions) session.close();
  }
}

/** Greedy continuation of `prompt`. */
export async function generateGreedily(
  model: LanguageModel,
  run: SplitRun,
  prompt: readonly number[],
  count: number,
  chunkTokens: number,
): Promise<number[]> {
  const sampler = model.createSampler({ temperature: 0, topP: 1, seed: 1 });
  const tokens: number[] = [];
  let hidden = await run.feed(prompt, chunkTokens);
  while (tokens.length < count) {
    const { token } = await sampler.next(hidden);
    tokens.push(token);
    hidden = await run.feed([token], 1);
  }
  return tokens;
}
