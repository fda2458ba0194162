import { DispatcherError, type ErrorCode } from '../../domain/shared/errors.ts';

/** How one error code looks over HTTP. */
export interface HttpErrorShape {
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'rate_limit_error'
    | 'timeout_error'
    | 'server_error';
  /** OpenAI's `error.code`. */
  readonly code: string;
  /** When trying again is never of use although the status suggests it, clients are told not to. */
  readonly isFinal?: true;
  /** Milliseconds a client should wait when the error itself names none. Only for back-pressure. */
  readonly defaultRetryAfterMs?: number;
}

const invalid = (status: number, code: string): HttpErrorShape => ({ status, type: 'invalid_request_error', code });
const server = (status: number, code: string): HttpErrorShape => ({ status, type: 'server_error', code });
const CHAIN_FAILED = server(502, 'chain_failed');

/** Every code of the product; a new one does not compile until it has a line here. */
export const HTTP_ERRORS: Readonly<Record<ErrorCode, HttpErrorShape>> = {
  DSP_INVALID_ARGUMENT: invalid(400, 'invalid_value'),
  DSP_CONTEXT_TOO_LONG: { ...invalid(400, 'context_length_exceeded'), isFinal: true },
  DSP_MODEL_NOT_FOUND: invalid(404, 'model_not_found'),
  DSP_UNSUPPORTED: invalid(400, 'unsupported_parameter'),
  DSP_REQUEST_TOO_LARGE: invalid(413, 'request_too_large'),
  DSP_UNAUTHENTICATED: { status: 401, type: 'authentication_error', code: 'invalid_api_key' },
  DSP_LEASE_NOT_FOUND: invalid(404, 'lease_not_found'),
  DSP_JOIN_REFUSED: invalid(409, 'join_refused'),
  DSP_QUEUE_FULL: { status: 429, type: 'rate_limit_error', code: 'queue_full', defaultRetryAfterMs: 1_000 },
  DSP_RATE_LIMITED: { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', defaultRetryAfterMs: 1_000 },
  DSP_DEADLINE_EXCEEDED: { status: 408, type: 'timeout_error', code: 'deadline_exceeded', isFinal: true },
  DSP_NO_CAPACITY: { ...server(503, 'no_capacity'), defaultRetryAfterMs: 5_000 },
  DSP_DRAINING: { ...server(503, 'draining'), defaultRetryAfterMs: 1_000 },
  DSP_CANCELLED: invalid(499, 'client_closed_request'),
  DSP_SERVER_LOST: CHAIN_FAILED,
  DSP_STEP_TIMEOUT: CHAIN_FAILED,
  DSP_BAD_OUTPUT: CHAIN_FAILED,
  DSP_CACHE_FULL: CHAIN_FAILED,
  DSP_SPAN_NOT_HOSTED: CHAIN_FAILED,
  DSP_CHAIN_FAILED: CHAIN_FAILED,
  DSP_BAD_WEIGHTS: server(500, 'internal_error'),
  DSP_INTERNAL: server(500, 'internal_error'),
};

/** OpenAI's clients do not wait for longer than this: they would fail at once instead. */
const MAX_RETRY_AFTER_MS = 120_000;

/** OpenAI's error body. */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

export function errorBody(error: DispatcherError): OpenAiErrorBody {
  const shape = HTTP_ERRORS[error.code];
  return { error: { message: error.message, type: shape.type, param: error.param ?? null, code: shape.code } };
}

/** `x-should-retry`, `retry-after` (whole seconds) and `retry-after-ms`, where the error calls for them. */
export function retryHeaders(error: DispatcherError): Record<string, string> {
  const shape = HTTP_ERRORS[error.code];
  if (shape.isFinal) return { 'x-should-retry': 'false' };
  if (shape.defaultRetryAfterMs === undefined) return {};
  const named = error.retryAfterMs;
  const wanted = named !== undefined && Number.isFinite(named) ? named : shape.defaultRetryAfterMs;
  const waitMs = Math.min(MAX_RETRY_AFTER_MS, Math.max(1, Math.ceil(wanted)));
  return { 'retry-after': String(Math.ceil(waitMs / 1_000)), 'retry-after-ms': String(waitMs) };
}

/** Any thrown value as a coded error. What is not one of ours tells the client nothing of its inside. */
export function toDispatcherError(thrown: unknown): DispatcherError {
  if (thrown instanceof DispatcherError) return thrown;
  return new DispatcherError(
    'DSP_INTERNAL',
    'The dispatcher failed on this request. Its log has the cause under the request id.',
    {
      cause: thrown,
    },
  );
}
