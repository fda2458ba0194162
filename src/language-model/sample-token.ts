import { DispatcherError } from '../domain/shared/errors.ts';
import { drawFromNucleus } from './draw-from-nucleus.ts';

/** How to choose one token, in a form that travels between threads. */
export interface SampleRequest {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Nucleus, (0, 1]. */
  readonly topP: number;
  /** Uniform in [0, 1); unused when greedy. */
  readonly uniform: number;
  /** Alternatives to report; undefined reports no log-probabilities. */
  readonly topLogprobs: number | undefined;
  /** (token, amount added to its logit): biases and penalties. */
  readonly adjustments: readonly (readonly [number, number])[];
  /** The token that follows in any case, as in a prompt: it is reported, and none is drawn. */
  readonly given?: number;
}

export interface TokenChoice {
  readonly token: number;
  readonly logprob?: number;
  readonly topLogprobs?: readonly TokenLogprob[];
}

export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
}

/**
 * Chooses a token. Log-probabilities are those of the model itself: before biases, penalties and temperature.
 * @param logits one per token of the vocabulary; overwritten
 * @throws DispatcherError DSP_BAD_OUTPUT when a logit is not a number
 */
export function sampleToken(logits: Float32Array, request: SampleRequest): TokenChoice {
  const { topLogprobs } = request;
  const logSum = topLogprobs === undefined ? undefined : computeLogSum(logits);
  const top = topLogprobs === undefined ? [] : findTop(logits, topLogprobs);
  const raw = logSum === undefined ? undefined : logits.slice();
  for (const [token, amount] of request.adjustments) logits[token] = (logits[token] ?? 0) + amount;
  const best = findBest(logits);
  const { temperature, given } = request;
  const draw = (): number => drawFromNucleus(logits, logits[best] ?? 0, temperature, request.topP, request.uniform);
  const token = given ?? (temperature === 0 ? best : draw());
  if (logSum === undefined || raw === undefined) return { token };
  const logprobOf = (candidate: number): number => (raw[candidate] ?? 0) - logSum;
  return {
    token,
    logprob: logprobOf(token),
    topLogprobs: top.map((candidate) => ({ token: candidate, logprob: logprobOf(candidate) })),
  };
}

/** The token of the largest logit, the first of equals. */
function findBest(logits: Float32Array): number {
  let best = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? 0;
    if (logit <= largest) continue;
    if (Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY) throw notFinite();
    largest = logit;
    best = token;
  }
  if (largest === Number.NEGATIVE_INFINITY) throw notFinite();
  return best;
}

function computeLogSum(logits: Float32Array): number {
  const largest = logits[findBest(logits)] ?? 0;
  let sum = 0;
  for (let token = 0; token < logits.length; token += 1) sum += Math.exp((logits[token] ?? 0) - largest);
  return largest + Math.log(sum);
}

/** The `count` tokens of largest logits, largest first. O(vocabulary), as few tokens make it into the list. */
function findTop(logits: Float32Array, count: number): number[] {
  const top: number[] = [];
  if (count === 0) return top;
  const logitAt = (rank: number): number => logits[top[rank] ?? 0] ?? 0;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? 0;
    if (top.length === count && logit <= logitAt(count - 1)) continue;
    if (top.length === count) top.pop();
    let rank = top.length;
    while (rank > 0 && logit > logitAt(rank - 1)) rank -= 1;
    top.splice(rank, 0, token);
  }
  return top;
}

function notFinite(): DispatcherError {
  return new DispatcherError('DSP_BAD_OUTPUT', 'the last block gave hidden states that are not finite numbers');
}
