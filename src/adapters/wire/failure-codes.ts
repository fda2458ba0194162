import type { ErrorCode } from '../../domain/shared/errors.ts';
import { printablePeerText } from './printable-text.ts';

/**
 * What a client makes of the code of a server's Failure. Only the codes with which a correct server
 * refuses a correct client keep their meaning; any other tells that the server does not work as the
 * chain needs it, which is its fault. DSP_CANCELLED comes from a server that is shutting down.
 */
export function failureCodeOf(wireCode: string): ErrorCode {
  switch (wireCode) {
    case 'DSP_CACHE_FULL':
      return 'DSP_CACHE_FULL';
    case 'DSP_SPAN_NOT_HOSTED':
      return 'DSP_SPAN_NOT_HOSTED';
    case 'DSP_CANCELLED':
      return 'DSP_SERVER_LOST';
    default:
      return 'DSP_BAD_OUTPUT';
  }
}

/** gRPC status numbers the data plane meets (https://grpc.io/docs/guides/status-codes). */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What a client makes of a stream that ended with a gRPC status and without a Failure. */
export function codeOfStreamEnd(status: number): ErrorCode {
  // No such service, or a message above our limit: the peer is not the block server it claims to be.
  if (status === GRPC_STATUS.unimplemented || status === GRPC_STATUS.resourceExhausted) return 'DSP_BAD_OUTPUT';
  return 'DSP_SERVER_LOST';
}

/** Why a connection failed, without a full stop, from the status text of grpc-js, which ends with a note about name resolution. */
export function connectionProblem(details: string): string {
  return printablePeerText(details.replace(/ Resolution note:.*$/s, '')).replace(/\.+$/, '');
}
