/**
 * Every failure that crosses a boundary of the product, as a closed set. Fronts map each code to
 * an HTTP status and a gRPC status with an exhaustive record, so a new code breaks the build until
 * it is mapped. Callers test `code`, never `message`.
 */
export const ERROR_CODES = [
  // What the caller sent.
  'DSP_INVALID_ARGUMENT', // a field is malformed or out of range; `param` names it
  'DSP_CONTEXT_TOO_LONG', // prompt + maximum output can never fit a slot
  'DSP_MODEL_NOT_FOUND',
  'DSP_UNSUPPORTED', // a documented feature of the API that this service does not offer
  'DSP_REQUEST_TOO_LARGE', // body or message above its limit
  'DSP_UNAUTHENTICATED',
  'DSP_LEASE_NOT_FOUND', // unknown, released or expired
  'DSP_JOIN_REFUSED', // a server's registration contradicts the model or the policy
  // What the swarm cannot do now.
  'DSP_QUEUE_FULL',
  'DSP_RATE_LIMITED', // the tenant asks for more than its limits allow
  'DSP_DEADLINE_EXCEEDED',
  'DSP_NO_CAPACITY', // no plan covers the model
  'DSP_DRAINING', // this dispatcher is shutting down
  'DSP_CANCELLED', // the client left
  // What a server of a chain did.
  'DSP_SERVER_LOST', // connection refused, reset or ended
  'DSP_STEP_TIMEOUT', // no answer to a step within the limit
  'DSP_BAD_OUTPUT', // wrong shape, wrong dtype, not finite, out of protocol
  'DSP_CACHE_FULL', // the server refused to reserve cache (back-pressure, not a fault)
  'DSP_SPAN_NOT_HOSTED', // the server does not host the blocks asked for
  'DSP_CHAIN_FAILED', // the chain of a request failed and no other could take over
  // Files and processes.
  'DSP_BAD_WEIGHTS', // weights, configuration or tokenizer unreadable or inconsistent
  'DSP_INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorDetails {
  /** Path of the offending field, for instance `messages[0].content`. */
  readonly param?: string;
  /** Server at fault, for the errors of a chain. */
  readonly serverId?: string;
  /** When trying again may help, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A failure with a code. The message is for people: it names the field or server and the remedy. */
export class DispatcherError extends Error {
  override readonly name = 'DispatcherError';
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly serverId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.param = details.param;
    this.serverId = details.serverId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Codes that tell of a server's fault; only these count against the server. */
const SERVER_FAULTS: ReadonlySet<ErrorCode> = new Set(['DSP_SERVER_LOST', 'DSP_STEP_TIMEOUT', 'DSP_BAD_OUTPUT']);

export function isServerFault(error: DispatcherError): boolean {
  return SERVER_FAULTS.has(error.code);
}
