import type { GenerationEvent } from '../ports/inference.ts';
import type { LanguageModel, SampledToken, SamplingOptions } from '../ports/language-model.ts';
import { StopMatcher } from './stop-matcher.ts';

export interface TokenLoopInput {
  readonly promptTokens: readonly number[];
  /** >= 1; 0 only with `echo`: the prompt is all there is. */
  readonly maxTokens: number;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  /** The prompt comes first, with log-probabilities if the sampling asks for them. */
  readonly echo?: boolean;
  /** Tokens of the next prefill step, >= 1, when so many of the prompt are left. Asked for each step: the load changes. */
  readonly nextPiece: (tokensLeft: number) => number;
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
  const { promptTokens, sampling, echo = false } = input;
  const isScored = echo && sampling.topLogprobs !== undefined;
  const rows = await prefill(chain, input, isScored);
  if (echo) {
    const [first, ...others] = promptTokens;
    const scored = isScored ? await model.scoreTokens(rows, others, sampling.topLogprobs ?? 0) : others.map(plain);
    yield {
      kind: 'prompt',
      text: model.decode(promptTokens),
      tokens: [...(first === undefined ? [] : [plain(first)]), ...scored],
    };
  }
  if (input.maxTokens === 0) {
    yield { kind: 'end', text: '', finishReason: 'length', completionTokens: 0 };
    return;
  }
  let hidden = rows.subarray(rows.length - model.hiddenSize);
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

function plain(token: number): SampledToken {
  return { token };
}

/** Feeds the prompt; resolves with the last position's hidden state, or with all: float32[1 or prompt, hidden]. */
async function prefill(chain: TokenSink, input: TokenLoopInput, isWhole: boolean): Promise<Float32Array> {
  const underWay: Promise<Float32Array>[] = [];
  const { promptTokens } = input;
  const answers: Float32Array[] = [];
  for (let start = 0; start < promptTokens.length; ) {
    const chunk = promptTokens.slice(start, start + input.nextPiece(promptTokens.length - start));
    start += chunk.length;
    const isLast = start >= promptTokens.length;
    const step = chain.feed(chunk, isWhole ? chunk.length : isLast ? 1 : 0);
    // A failure of a later step must not count as unhandled while an earlier one is awaited.
    step.catch(() => undefined);
    underWay.push(step);
    if (underWay.length >= input.stepsUnderWay) answers.push(await (underWay.shift() as Promise<Float32Array>));
  }
  for (const step of underWay) answers.push(await step);
  return isWhole ? concatenate(answers) : (answers.at(-1) as Float32Array);
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
