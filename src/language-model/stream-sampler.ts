import { DispatcherError } from '../domain/shared/errors.ts';
import { createRng, type Rng } from '../domain/shared/rng.ts';
import type { SampleRequest, TokenChoice } from './sample-token.ts';

/** Sampling of one stream of tokens. */
export interface StreamSamplingOptions {
  /** 0 is greedy. >= 0. */
  readonly temperature: number;
  /** Nucleus, (0, 1]. */
  readonly topP: number;
  /** Any safe integer. */
  readonly seed: number;
  /** 0 to 20. */
  readonly topLogprobs?: number;
  /** Token to what is added to its logit. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Taken off the logit of each token that was generated before. */
  readonly presencePenalty?: number;
  /** Taken off the logit of a token once for each time that it was generated before. */
  readonly frequencyPenalty?: number;
}

const MAX_TOP_LOGPROBS = 20;

/** Keeps the state of one stream: its random numbers, and what it generated, for the penalties. */
export class StreamSampler {
  readonly #options: StreamSamplingOptions;
  readonly #random: Rng;
  readonly #next: (hidden: Float32Array, sample: SampleRequest) => Promise<TokenChoice>;
  readonly #counts = new Map<number, number>();

  /** @throws DispatcherError DSP_INVALID_ARGUMENT that names the option */
  constructor(
    options: StreamSamplingOptions,
    vocabularySize: number,
    next: (hidden: Float32Array, sample: SampleRequest) => Promise<TokenChoice>,
  ) {
    checkOptions(options, vocabularySize);
    this.#options = options;
    this.#random = createRng(options.seed, 'sampling');
    this.#next = next;
  }

  /** @param hidden float32[hiddenSize] of the last block */
  async next(hidden: Float32Array): Promise<TokenChoice> {
    const { temperature, topP, topLogprobs } = this.#options;
    const uniform = temperature === 0 ? 0 : this.#random.next();
    const adjustments = this.#adjustments();
    const choice = await this.#next(hidden, { temperature, topP, uniform, topLogprobs, adjustments });
    this.#counts.set(choice.token, (this.#counts.get(choice.token) ?? 0) + 1);
    return choice;
  }

  #adjustments(): [number, number][] {
    const { logitBias, presencePenalty = 0, frequencyPenalty = 0 } = this.#options;
    const adjustments = [...(logitBias ?? [])];
    if (presencePenalty === 0 && frequencyPenalty === 0) return adjustments;
    for (const [token, count] of this.#counts) adjustments.push([token, -presencePenalty - frequencyPenalty * count]);
    return adjustments;
  }
}

function checkOptions(options: StreamSamplingOptions, vocabularySize: number): void {
  const { temperature, topP, seed, topLogprobs = 0, presencePenalty = 0, frequencyPenalty = 0 } = options;
  check(Number.isFinite(temperature) && temperature >= 0, 'temperature', 'must be a number >= 0');
  check(topP > 0 && topP <= 1, 'topP', 'must be above 0 and at most 1');
  check(Number.isSafeInteger(seed), 'seed', 'must be a safe integer');
  const isCount = Number.isInteger(topLogprobs) && topLogprobs >= 0 && topLogprobs <= MAX_TOP_LOGPROBS;
  check(isCount, 'topLogprobs', `must be a whole number from 0 to ${MAX_TOP_LOGPROBS}`);
  check(Number.isFinite(presencePenalty), 'presencePenalty', 'must be a number');
  check(Number.isFinite(frequencyPenalty), 'frequencyPenalty', 'must be a number');
  for (const [token, amount] of options.logitBias ?? []) {
    const isToken = Number.isInteger(token) && token >= 0 && token < vocabularySize;
    check(isToken, 'logitBias', `names token ${token}; tokens are 0 to ${vocabularySize - 1}`);
    check(Number.isFinite(amount), 'logitBias', 'must hold finite numbers');
  }
}

function check(condition: boolean, param: string, problem: string): void {
  if (!condition) throw new DispatcherError('DSP_INVALID_ARGUMENT', `${param} ${problem}`, { param });
}
