import type { LanguageModel, SamplingOptions, TokenSampler } from '../../src/application/ports/language-model.ts';
import { createRng } from '../../src/domain/shared/rng.ts';

const VOCABULARY = 97;

/**
 * A language model without weights for `MemoryBlockHost`s that remember: each token depends on the
 * last row, hence on everything that was fed before, and on the sampler's own state. Token 0 ends a text.
 */
export class ChecksumModel implements LanguageModel {
  readonly id = 'm';
  readonly hiddenSize = 4;
  readonly vocabularySize = VOCABULARY;
  readonly contextTokens = 1_000;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest = '';
  readonly endTokens = new Set([0]);
  readonly blockCount: number;

  constructor(blockCount: number, blockBytes: number, cacheBytesPerTokenPerBlock: number) {
    this.blockCount = blockCount;
    this.blockBytes = blockBytes;
    this.cacheBytesPerTokenPerBlock = cacheBytesPerTokenPerBlock;
  }

  encode(text: string): number[] {
    return [...text].map((character) => 1 + (character.charCodeAt(0) % (VOCABULARY - 1)));
  }

  renderChat(messages: readonly { content: string }[]): string {
    return messages.map(({ content }) => content).join('\n');
  }

  decode(tokens: readonly number[]): string {
    return tokens.map((token) => `<${token}>`).join('');
  }

  embed(tokens: readonly number[]): Float32Array {
    return Float32Array.from(tokens.flatMap((token) => [token, token % 7, token % 11, 1]));
  }

  createTextDecoder() {
    return { push: (token: number) => this.decode([token]), flush: () => '' };
  }

  createSampler({ temperature, seed }: SamplingOptions): TokenSampler {
    const rng = createRng(seed, 'sampling');
    return {
      next: async (hidden) => {
        const draw = temperature === 0 ? 0 : Math.floor(rng.next() * VOCABULARY);
        return { token: (Math.round(hidden[0] ?? 0) * 7 + draw) % VOCABULARY };
      },
    };
  }

  async scoreTokens(hidden: Float32Array, following: readonly number[]) {
    return following.map((token, i) => ({
      token,
      logprob: -(Math.round(hidden[i * this.hiddenSize] ?? 0) % VOCABULARY),
    }));
  }

  async close(): Promise<void> {}
}
