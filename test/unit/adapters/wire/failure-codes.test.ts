import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  codeOfStreamEnd,
  connectionProblem,
  failureCodeOf,
  GRPC_STATUS,
} from '../../../../src/adapters/wire/failure-codes.ts';
import { ERROR_CODES } from '../../../../src/domain/shared/errors.ts';

describe('what a peer says', () => {
  it('keeps the meaning of refusals only, and blames the server for everything else', () => {
    const kept = ERROR_CODES.filter((code) => failureCodeOf(code) === code);
    expect(kept).toEqual(['DSP_BAD_OUTPUT', 'DSP_CACHE_FULL', 'DSP_SPAN_NOT_HOSTED']);
    expect(failureCodeOf('DSP_CANCELLED')).toBe('DSP_SERVER_LOST');
    expect(failureCodeOf('anything')).toBe('DSP_BAD_OUTPUT');
    expect(failureCodeOf('constructor')).toBe('DSP_BAD_OUTPUT');
  });

  it('tells a peer that is no block server from a lost one', () => {
    expect(codeOfStreamEnd(status.UNIMPLEMENTED)).toBe('DSP_BAD_OUTPUT');
    expect(codeOfStreamEnd(status.RESOURCE_EXHAUSTED)).toBe('DSP_BAD_OUTPUT');
    for (const code of [status.OK, status.UNAVAILABLE, status.CANCELLED, status.INTERNAL, status.UNKNOWN, 99])
      expect(codeOfStreamEnd(code)).toBe('DSP_SERVER_LOST');
  });

  it('has the numbers of the gRPC statuses', () => {
    expect(GRPC_STATUS).toEqual({
      ok: status.OK,
      cancelled: status.CANCELLED,
      resourceExhausted: status.RESOURCE_EXHAUSTED,
      unimplemented: status.UNIMPLEMENTED,
      internal: status.INTERNAL,
      unavailable: status.UNAVAILABLE,
      unauthenticated: status.UNAUTHENTICATED,
    });
  });

  it('is told without the note about name resolution', () => {
    expect(connectionProblem('No connection established. Resolution note: \nmore')).toBe('No connection established');
  });
});
