/**
 * The client's half of a model: tokenizer, embeddings, final norm, head and sampling. The blocks in
 * between run on the servers of a chain.
 */
export interface LanguageModel {
  readonly id: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** Longest sequence the model was made for, tokens. */
  readonly contextTokens: number;
  /** Bytes of one block's parameters in the served dtype. */
  readonly blockBytes: number;
  /** Bytes of keys and values of one token in one block. */
  readonly cacheBytesPerTokenPerBlock: number;
  /** Digest over the weights: servers with another digest never share a chain. */
  readonly weightsDigest: string;
  /** Tokens that end a generation. */
  readonly endTokens: ReadonlySet<number>;

  /** Token ids of a prompt, special tokens (begin of text) added as the model's tokenizer says. */
  encode(text: string): number[];
  /** The prompt of a conversation by the model's chat template, or the contents joined by blank lines. */
  renderChat(messages: readonly ChatMessage[]): string;
  /** Text of whole token lists; special tokens are skipped. */
  decode(tokens: readonly number[]): string;
  /** float32[tokens.length, hiddenSize]. */
  embed(tokens: readonly number[]): Float32Array;
  createTextDecoder(): IncrementalTextDecoder;
  createSampler(options: SamplingOptions): TokenSampler;
  /**
   * Log-probabilities of `following`, of which each comes after one row of the last block's output,
   * float32[following.length, hiddenSize], with `topLogprobs` alternatives each. Off the event loop.
   */
  scoreTokens(
    hidden: Float32Array,
    following: readonly number[],
    topLogprobs: number,
  ): Promise<readonly SampledToken[]>;
  close(): Promise<void>;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface SamplingOptions {
  /** 0 is greedy. >= 0. */
  readonly temperature: number;
  /** Nucleus, (0, 1]. */
  readonly topP: number;
  /** Any safe integer; the same seed and inputs give the same tokens. */
  readonly seed: number;
  /** How many alternatives to report with each token, 0..20; undefined reports no log-probabilities. */
  readonly topLogprobs?: number;
  /** token -> added to its logit. */
  readonly logitBias?: ReadonlyMap<number, number>;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
}

export interface TokenSampler {
  /**
   * Final norm, head and sampling for one row of the last block's output, float32[hiddenSize].
   * Runs off the event loop, batched with the other streams that wait for it.
   */
  next(hidden: Float32Array): Promise<SampledToken>;
}

export interface SampledToken {
  readonly token: number;
  /** Natural logarithm of the token's probability; present when log-probabilities were asked for. */
  readonly logprob?: number;
  readonly topLogprobs?: readonly { readonly token: number; readonly logprob: number }[];
}

/** Text as it becomes certain: bytes of a character split over tokens are held back until it is whole. */
export interface IncrementalTextDecoder {
  push(token: number): string;
  /** What was held back, at the end of the generation. */
  flush(): string;
}
