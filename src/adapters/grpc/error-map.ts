import { status as Status, type StatusObject } from '@grpc/grpc-js';
import { DispatcherError, type ErrorCode } from '../../domain/shared/errors.ts';

/** Every code of the product as a gRPC status; a new one does not compile until it has a line here. */
export const GRPC_STATUSES: Readonly<Record<ErrorCode, Status>> = {
  DSP_INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  DSP_CONTEXT_TOO_LONG: Status.INVALID_ARGUMENT,
  DSP_MODEL_NOT_FOUND: Status.NOT_FOUND,
  DSP_UNSUPPORTED: Status.INVALID_ARGUMENT,
  DSP_REQUEST_TOO_LARGE: Status.RESOURCE_EXHAUSTED,
  DSP_UNAUTHENTICATED: Status.UNAUTHENTICATED,
  DSP_LEASE_NOT_FOUND: Status.NOT_FOUND,
  DSP_JOIN_REFUSED: Status.FAILED_PRECONDITION,
  DSP_QUEUE_FULL: Status.RESOURCE_EXHAUSTED,
  DSP_RATE_LIMITED: Status.RESOURCE_EXHAUSTED,
  DSP_DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  DSP_NO_CAPACITY: Status.UNAVAILABLE,
  DSP_DRAINING: Status.UNAVAILABLE,
  DSP_CANCELLED: Status.CANCELLED,
  DSP_SERVER_LOST: Status.UNAVAILABLE,
  DSP_STEP_TIMEOUT: Status.UNAVAILABLE,
  DSP_BAD_OUTPUT: Status.UNAVAILABLE,
  DSP_CACHE_FULL: Status.UNAVAILABLE,
  DSP_SPAN_NOT_HOSTED: Status.UNAVAILABLE,
  DSP_CHAIN_FAILED: Status.UNAVAILABLE,
  DSP_BAD_WEIGHTS: Status.INTERNAL,
  DSP_INTERNAL: Status.INTERNAL,
};

/** Any thrown value as a gRPC status. What is not one of ours tells the peer nothing of its inside. */
export function toStatus(thrown: unknown): Pick<StatusObject, 'code' | 'details'> {
  if (thrown instanceof DispatcherError) return { code: GRPC_STATUSES[thrown.code], details: thrown.message };
  return { code: Status.INTERNAL, details: 'the dispatcher failed on this call; its log has the cause' };
}
