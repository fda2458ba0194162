import type { GenerationEvent } from '../ports/inference.ts';
import type { LanguageModel, SamplingOptions } from '../ports/language-model.ts';
import { StopMatcher } from './stop-matcher.ts';

export interface TokenLoopInput {
  readonly promptTokens: readonly number[];
  /** >= 1. */
  readonly maxTokens: number;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  /** Tokens per prefill step, >= 1. */
  readonly prefillChunkTokens: number;
  /** Prefill steps on their way through the chain at once, >= 1; one more than hops keeps all busy. */
  readonly stepsUnderWay: number;
}

/** Where tokens go in and the last block's output comes out. */
export interface TokenSink {
  /** Feeds the next tokens; resolves with the last `returnTokens` rows, float32[returnTokens, hidden]. */
  feed(tokens: readonly number[], returnTokens: number): Promise<Float32Array>;
}

/**
 * Prefill in chunks that follow one another through the chain, then token by token. Pull-based: a
 * token is computed when the consumer asks for the next event, so a slow consumer slows its own chain
 * and nothing piles up.
 */
export async function* runTokenLoop(
  model: LanguageModel,
  chain: TokenSink,
  input: TokenLoopInput,
): AsyncGenerator<GenerationEvent> {
  const sampler = model.createSampler(input.sampling);
  const decoder = model.createTextDecoder();
  const stops = new StopMatcher(input.stop);
  let hidden = await prefill(chain, input);
  let completionTokens = 0;
  for (;;) {
    const token = await sampler.next(hidden);
    completionTokens += 1;
    const isEnd = model.endTokens.has(token.token);
    // The end token is counted, as OpenAI does, but it is no text and no event of its own.
    const piece = isEnd ? { text: '', isStopped: false } : stops.push(decoder.push(token.token));
    if (!isEnd) yield { kind: 'token', text: piece.text, token };
    if (isEnd || piece.isStopped || completionTokens >= input.maxTokens) {
      const tail = piece.isStopped ? piece : stops.push(decoder.flush());
      const text = piece.isStopped ? '' : tail.text + stops.flush();
      yield { kind: 'end', text, finishReason: isEnd || tail.isStopped ? 'stop' : 'length', completionTokens };
      return;
    }
    hidden = await chain.feed([token.token], 1);
  }
}

/** Feeds the prompt; resolves with the last position's hidden state, float32[1, hidden]. */
async function prefill(chain: TokenSink, input: TokenLoopInput): Promise<Float32Array> {
  const underWay: Promise<Float32Array>[] = [];
  const { promptTokens, prefillChunkTokens } = input;
  let last: Float32Array | undefined;
  for (let start = 0; start < promptTokens.length; start += prefillChunkTokens) {
    const chunk = promptTokens.slice(start, start + prefillChunkTokens);
    const isLast = start + chunk.length >= promptTokens.length;
    const step = chain.feed(chunk, isLast ? 1 : 0);
    // A failure of a later step must not count as unhandled while an earlier one is awaited.
    step.catch(() => undefined);
    underWay.push(step);
    if (underWay.length >= input.stepsUnderWay) last = await underWay.shift();
  }
  for (const step of underWay) last = await step;
  return last as Float32Array;
}
