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
  /** What operators should know although requests are served: an unstable plan, for instance. */
  warnings?(): readonly string[];
  /**
   * Validates and enqueues one job, waits for its turn, and generates.
   *
   * Resolves when the job was assigned to a chain (it may have waited in the queue). The events are
   * then pulled: the next token is computed only when asked for, so a slow client slows its own
   * chain and nothing is buffered. The job's slot is held until the iterator ends, throws, is
   * returned early, or `signal` aborts.
   * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_INVALID_ARGUMENT, DSP_CONTEXT_TOO_LONG, DSP_QUEUE_FULL,
   *   DSP_RATE_LIMITED, DSP_DEADLINE_EXCEEDED, DSP_NO_CAPACITY, DSP_DRAINING, DSP_CANCELLED; while iterating also DSP_CHAIN_FAILED
   */
  generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation>;
  /**
   * Admits several jobs together or none of them (the choices of `n`, the prompts of one request),
   * and resolves when all of them are admitted: each then runs as soon as a slot is free for it, so
   * one may end before another has begun. Fronts that need this refuse several jobs where it is absent.
   * @throws DispatcherError as `generate`, before anything runs
   */
  generateTogether?(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<readonly AdmittedJob[]>;
  /**
   * The text of each token alone, for log-probabilities; a token that is part of a character gives
   * U+FFFD. Fronts refuse log-probabilities where it is absent.
   * @throws DispatcherError DSP_MODEL_NOT_FOUND
   */
  tokenTexts?(modelId: string, tokens: readonly number[]): readonly string[];
}

/** A job that holds its place in the queue, or its slot. */
export interface AdmittedJob {
  /**
   * Resolves when the job was assigned to a chain. The same promise each time.
   * @throws DispatcherError as `generate`
   */
  assigned(): Promise<Generation>;
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
  /** Unguessable or client-given id (1..128 printable characters), for logs and headers; two requests may carry the same. */
  readonly requestId: string;
  /** A model's id, or `default`. */
  readonly modelId: string;
  readonly prompt: Prompt;
  /** >= 1 (0 only with `echo`-like uses: the prompt is scored and nothing generated). */
  readonly maxTokens: number;
  /** The client named no maximum: it may be lowered to what the session limit leaves, instead of refusing. */
  readonly isMaxTokensDefault?: boolean;
  readonly sampling: SamplingOptions;
  /** Up to 4 texts, at which the generation ends before the text itself. */
  readonly stop: readonly string[];
  /**
   * The first event is then `prompt`. With `sampling.topLogprobs` its tokens carry their
   * log-probabilities, but for the first, which nothing precedes.
   */
  readonly echo?: boolean;
  readonly priority: 'high' | 'normal' | 'low';
  readonly tenant: string;
  /** What the client's key allows its tenant; undefined: nothing of its own. */
  readonly limits?: TenantLimits;
  /** W3C trace context of the client's own span, if it sent a valid one. */
  readonly traceparent?: string;
  /** Monotonic milliseconds from now until which the answer must have begun, if limited. */
  readonly deadlineMs: number | undefined;
}

/** Limits of all requests of a tenant together; undefined: none. */
export interface TenantLimits {
  /** Requests that wait or run at once, >= 1. */
  readonly maxConcurrency: number | undefined;
  readonly requestsPerMinute: number | undefined;
  /** Prompt and output tokens. */
  readonly tokensPerMinute: number | undefined;
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
      /** Only with `echo`, first. */
      readonly kind: 'prompt';
      readonly text: string;
      readonly tokens: readonly SampledToken[];
    }
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
