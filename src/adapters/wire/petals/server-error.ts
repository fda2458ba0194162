import type { ErrorCode } from '../../../domain/shared/errors.ts';

/**
 * The texts of a PETALS server's exceptions that a correct client can meet, with their codes. Errors
 * travel as text only, so this list is what tells a full cache from a fault (PETALS 2.2, hivemind 1.1.10).
 */
const KNOWN_TEXTS: readonly (readonly [pattern: RegExp, code: ErrorCode])[] = [
  [/does not serve /, 'DSP_SPAN_NOT_HOSTED'],
  // A handler that is shutting down has lost its blocks already.
  [/KeyError/, 'DSP_SPAN_NOT_HOSTED'],
  [/Could not allocate \d+|AllocationFailed/, 'DSP_CACHE_FULL'],
  [/Cannot allocate KV cache for \d+ tokens/, 'DSP_CONTEXT_TOO_LONG'],
  [/Maximum length exceeded/, 'DSP_CONTEXT_TOO_LONG'],
  [/TimeoutError|CancelledError|P2PDaemonError|protocols? not supported|handler.* unavailable/i, 'DSP_SERVER_LOST'],
];

/** The code for the text with which a server ended a session or refused a call; DSP_BAD_OUTPUT for any other. */
export function codeOfServerError(text: string): ErrorCode {
  return KNOWN_TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? 'DSP_BAD_OUTPUT';
}
