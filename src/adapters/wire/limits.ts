/**
 * Byte and count limits of the data plane. Both ends check them: a peer that ignores them is out of
 * protocol.
 */

/** Largest message in either direction, bytes: below 1 MiB. */
export const MAX_MESSAGE_BYTES = 1_048_575;

/** Room in a step for everything that is not hidden states (numbers, names, field tags). */
const STEP_ENVELOPE_BYTES = 1_023;

/** Most bytes of hidden states in one step. */
export const MAX_STEP_DATA_BYTES = MAX_MESSAGE_BYTES - STEP_ENVELOPE_BYTES;

/**
 * HTTP/2 receive window of one stream, bytes. The default of 64 kB lets one stream carry 64 kB per
 * round trip, 0.6 MB/s over 100 ms; this one holds `MAX_STEPS_IN_FLIGHT` of the largest steps.
 */
export const STREAM_WINDOW_BYTES = 8 * 1024 * 1024;

/** HTTP/2 receive window of one connection, bytes: two full streams. */
export const CONNECTION_WINDOW_BYTES = 2 * STREAM_WINDOW_BYTES;

/** Steps of one session sent to one server and not yet answered, plus answered and not yet sent to the next. */
export const MAX_STEPS_IN_FLIGHT = 8;

/** Longest session id, characters. */
export const MAX_SESSION_ID_LENGTH = 64;

/** Longest text taken from a peer into an error message, characters. */
export const MAX_PEER_TEXT_LENGTH = 300;

/**
 * Rows of float32 hidden states that one step can carry, 0 when not even one row fits.
 * @param hiddenSize values per row, >= 1
 */
export function maxRowsPerStep(hiddenSize: number): number {
  return Math.floor(MAX_STEP_DATA_BYTES / (hiddenSize * Float32Array.BYTES_PER_ELEMENT));
}
