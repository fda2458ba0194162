import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { createTokenizer } from './create-tokenizer.ts';
import type { HeadRequest } from './head-messages.ts';
import { type ChatTurn, createChatRenderer } from './render-chat.ts';
import { siblingModule, WorkerClient } from './runtime/worker-client.ts';
import type { SampleRequest, TokenChoice } from './sample-token.ts';
import { StreamSampler, type StreamSamplingOptions } from './stream-sampler.ts';
import { decodeTokens, TokenTextDecoder } from './text-decoder.ts';
import { readTokenBytes, type TokenBytes } from './token-bytes.ts';
import type { ModelConfig } from './weights/model-config.ts';
import type { ModelWeights } from './weights/model-weights.ts';
import { openModelWeights } from './weights/open-model-weights.ts';
import { checkQuantizable } from './weights/quantize-matrix.ts';
import { computeBlockBytes, computeCacheBytesPerToken, EMBEDDING_TENSOR } from './weights/tensor-names.ts';

export interface LanguageModelOptions {
  /** Name of the model; by default that of its folder. */
  readonly id?: string;
  /** Format of the head's matrix, and of the blocks that `blockBytes` counts; float32 unless told. */
  readonly dtype?: WeightsDtype;
  /** Threads of the head's product. */
  readonly threads?: number;
  /** Rows that may wait for the head at once; more are refused with DSP_QUEUE_FULL. */
  readonly maxWaitingRows?: number;
  /** Longest prompt that is encoded, tokens; by default the model's context. */
  readonly maxPromptTokens?: number;
  /** Told once when the head's thread dies; every later row is refused with DSP_INTERNAL. */
  readonly onFailure?: (error: DispatcherError) => void;
}

const DEFAULT_MAX_WAITING_ROWS = 4096;
/** A prompt that is scored leaves the head to others this often, rows. */
const ROWS_SCORED_AT_ONCE = 32;

interface Parts {
  readonly id: string;
  readonly config: ModelConfig;
  readonly dtype: WeightsDtype;
  readonly weightsDigest: string;
  readonly embeddings: Float32Array;
  readonly tokenBytes: TokenBytes;
  readonly encode: (text: string) => number[];
  readonly renderChat: (turns: readonly ChatTurn[]) => string;
  readonly head: WorkerClient<HeadRequest>;
  readonly maxWaitingRows: number;
  readonly maxPromptTokens: number;
}

/**
 * Opens the client's half of a model: all but its blocks.
 * @param path model folder or file, see `locateModel`
 * @throws DispatcherError DSP_BAD_WEIGHTS; DSP_INVALID_ARGUMENT for a `dtype` that the model's shape does not allow
 */
export async function openLanguageModel(path: string, options: LanguageModelOptions = {}): Promise<LanguageModel> {
  const weights = await openModelWeights(path, options.id);
  const report = options.onFailure ?? (() => undefined);
  const head = new WorkerClient<HeadRequest>(siblingModule(import.meta.url, 'head-worker'), 'head', report);
  try {
    const { id, config } = weights;
    const { dtype = 'float32', threads = 1 } = options;
    if (dtype === 'int8') checkQuantizable(id, config);
    const embeddings = await readEmbeddings(weights);
    const tiedHead = config.isHeadTied ? embeddings : undefined;
    const started = head.call<void>({ kind: 'start', modelPath: path, modelId: id, dtype, threads, tiedHead });
    const [weightsDigest, files] = await Promise.all([weights.digest(), weights.readTokenizer(), started]);
    return new LanguageModel({
      id,
      config,
      dtype,
      weightsDigest,
      embeddings,
      tokenBytes: readTokenBytes(files),
      encode: createTokenizer(files),
      renderChat: await createChatRenderer(files),
      head,
      maxWaitingRows: options.maxWaitingRows ?? DEFAULT_MAX_WAITING_ROWS,
      maxPromptTokens: options.maxPromptTokens ?? config.contextTokens,
    });
  } catch (error) {
    await head.close();
    throw error;
  } finally {
    await weights.close();
  }
}

/** In shared memory, so that a tied head needs no second copy: float32[vocabularySize, hiddenSize]. */
async function readEmbeddings(weights: ModelWeights): Promise<Float32Array> {
  const { vocabularySize, hiddenSize } = weights.config;
  const memory = new SharedArrayBuffer(vocabularySize * hiddenSize * Float32Array.BYTES_PER_ELEMENT);
  return await weights.read(EMBEDDING_TENSOR, [vocabularySize, hiddenSize], new Float32Array(memory));
}

export class LanguageModel {
  readonly id: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  readonly contextTokens: number;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest: string;
  readonly endTokens: ReadonlySet<number>;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    const { config } = parts;
    this.id = parts.id;
    this.blockCount = config.blockCount;
    this.hiddenSize = config.hiddenSize;
    this.vocabularySize = config.vocabularySize;
    this.contextTokens = config.contextTokens;
    this.blockBytes = computeBlockBytes(config, parts.dtype);
    this.cacheBytesPerTokenPerBlock = computeCacheBytesPerToken(config);
    this.weightsDigest = parts.weightsDigest;
    this.endTokens = new Set(config.endTokens);
    this.#parts = parts;
  }

  /**
   * Token ids, with the special tokens that the model's tokenizer adds around a text.
   * @throws DispatcherError DSP_CONTEXT_TOO_LONG, at once, for a text that cannot fit the longest prompt: encoding
   * a megabyte would hold up every other request for seconds
   */
  encode(text: string): number[] {
    const { tokenBytes, encode, maxPromptTokens } = this.#parts;
    const leastTokens = Math.ceil(text.length / tokenBytes.longestBytes);
    if (leastTokens > maxPromptTokens) {
      const message = `${text.length} characters are at least ${leastTokens} tokens, and a prompt has at most ${maxPromptTokens}`;
      throw new DispatcherError('DSP_CONTEXT_TOO_LONG', message);
    }
    return encode(text);
  }

  /**
   * The prompt of a conversation.
   * @throws DispatcherError DSP_INVALID_ARGUMENT when the chat template refuses it
   */
  renderChat(messages: readonly ChatTurn[]): string {
    return this.#parts.renderChat(messages);
  }

  decode(tokens: readonly number[]): string {
    return decodeTokens(this.#parts.tokenBytes, tokens);
  }

  /**
   * float32[tokens.length, hiddenSize].
   * @throws DispatcherError DSP_INVALID_ARGUMENT for a token outside the vocabulary
   */
  embed(tokens: readonly number[]): Float32Array {
    const { hiddenSize, vocabularySize } = this;
    const rows = new Float32Array(tokens.length * hiddenSize);
    for (const [i, token] of tokens.entries()) {
      if (!Number.isInteger(token) || token < 0 || token >= vocabularySize) {
        const message = `token ${token} lies outside the vocabulary, 0 to ${vocabularySize - 1}`;
        throw new DispatcherError('DSP_INVALID_ARGUMENT', message, { param: 'tokens' });
      }
      rows.set(this.#parts.embeddings.subarray(token * hiddenSize, (token + 1) * hiddenSize), i * hiddenSize);
    }
    return rows;
  }

  createTextDecoder(): TokenTextDecoder {
    return new TokenTextDecoder(this.#parts.tokenBytes);
  }

  /** @throws DispatcherError DSP_INVALID_ARGUMENT */
  createSampler(options: StreamSamplingOptions): StreamSampler {
    return new StreamSampler(options, this.vocabularySize, (hidden, sample) => this.#runHead(hidden, sample));
  }

  /**
   * Log-probabilities of tokens that follow rows of the last block's output, in the model's own distribution.
   * @param hidden float32[following.length, hiddenSize]
   * @throws DispatcherError DSP_BAD_OUTPUT, DSP_QUEUE_FULL
   */
  async scoreTokens(hidden: Float32Array, following: readonly number[], topLogprobs: number): Promise<TokenChoice[]> {
    const { hiddenSize } = this;
    const scored: TokenChoice[] = [];
    for (let start = 0; start < following.length; start += ROWS_SCORED_AT_ONCE) {
      const group = following.slice(start, start + ROWS_SCORED_AT_ONCE).map((given, i) => {
        const row = hidden.subarray((start + i) * hiddenSize, (start + i + 1) * hiddenSize);
        return this.#runHead(row, { temperature: 0, topP: 1, uniform: 0, topLogprobs, adjustments: [], given });
      });
      scored.push(...(await Promise.all(group)));
    }
    return scored;
  }

  /** Stops the head's thread; rows that wait are rejected with DSP_CANCELLED. */
  async close(): Promise<void> {
    await this.#parts.head.close();
  }

  async #runHead(hidden: Float32Array, sample: SampleRequest): Promise<TokenChoice> {
    const { head, maxWaitingRows } = this.#parts;
    if (hidden.length !== this.hiddenSize) {
      const message = `a row of ${hidden.length} numbers came; the model's rows have ${this.hiddenSize}`;
      throw new DispatcherError('DSP_BAD_OUTPUT', message);
    }
    if (head.waitingCount >= maxWaitingRows) {
      throw new DispatcherError('DSP_QUEUE_FULL', `${maxWaitingRows} tokens already wait for the head`);
    }
    const row = hidden.slice();
    return await head.call<TokenChoice>({ kind: 'next', hidden: row, sample }, [row.buffer]);
  }
}
