import type { SampledToken, SamplingOptions } from './language-model.ts';

/**
 * What the fronts (HTTP, gRPC) ask of the application. The implementation lives in
 * `application/`; fronts hold nothing but this port, and tests give them a fake.
 */
export interface InferenceService {
  /** Models with their live state; the served model comes first. */
  models(): readonly ServedModel[];
  /** Why requests cannot be served now; empty when they can. */
  unreadyReasons(): readonly string[];
  /**
   * Validates and enqueues one job, waits for its turn, and generates.
   *
   * Resolves when the job was assigned to a chain (it may have waited in the queue). The events are
   * then pulled: the next token is computed only when asked for, so a slow client slows its own
   * chain and nothing is buffered. The job's slot is held until the iterator ends, throws, is
   * returned early, or `signal` aborts.
   * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_INVALID_ARGUMENT, DSP_CONTEXT_TOO_LONG, DSP_QUEUE_FULL,
   *   DSP_DEADLINE_EXCEEDED, DSP_NO_CAPACITY, DSP_DRAINING, DSP_CANCELLED; while iterating also DSP_CHAIN_FAILED
   */
  generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation>;
}

export interface ServedModel {
  readonly id: string;
  readonly createdUnixSeconds: number;
  /** Session limit: prompt plus output of one request, tokens. */
  readonly sessionTokens: number;
  /** A plan serves it now. */
  readonly isServing: boolean;
}

export interface GenerationRequest {
  /** Unguessable or client-given id, for logs and headers. */
  readonly requestId: string;
  /** A model's id, or `default`. */
  readonly modelId: string;
  readonly prompt: Prompt;
  /** >= 1 (0 only with `echo`-like uses: the prompt is scored and nothing generated). */
  readonly maxTokens: number;
  readonly sampling: SamplingOptions;
  /** Up to 4 texts, at which the generation ends before the text itself. */
  readonly stop: readonly string[];
  readonly priority: 'high' | 'normal' | 'low';
  readonly tenant: string;
  /** Monotonic milliseconds from now until which the answer must have begun, if limited. */
  readonly deadlineMs: number | undefined;
}

export type Prompt =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] }
  | { readonly kind: 'chat'; readonly messages: readonly { readonly role: string; readonly content: string }[] };

export interface Generation {
  readonly modelId: string;
  readonly chainId: string;
  readonly queueMs: number;
  readonly promptTokens: number;
  /** Pull-based; `return()` cancels and frees the slot. */
  readonly events: AsyncIterableIterator<GenerationEvent>;
}

export type GenerationEvent =
  | {
      readonly kind: 'token';
      /** Text that became certain with this token; may be empty. */
      readonly text: string;
      readonly token: SampledToken;
    }
  | {
      readonly kind: 'end';
      /** Text held back until now. */
      readonly text: string;
      readonly finishReason: 'stop' | 'length';
      readonly completionTokens: number;
    };
