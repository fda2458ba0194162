import { DispatcherError, ERROR_CODES, type ErrorCode } from '../../domain/shared/errors.ts';

/** A call to a worker thread. `id` is undefined when no answer is expected. */
export interface WorkerCall<Request> {
  readonly id: number | undefined;
  readonly request: Request;
}

/** Ends a worker thread. */
export const CLOSE = 'close';

/** The answer to the call of the same id. */
export type WorkerAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PlainError };

/** A coded error in a form that survives the copy between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof DispatcherError) return { code: error.code, message: error.message, param: error.param };
  return { code: 'DSP_INTERNAL', message: error instanceof Error ? error.message : String(error), param: undefined };
}

export function fromPlainError({ code, message, param }: PlainError): DispatcherError {
  const known = ERROR_CODES.includes(code) ? code : 'DSP_INTERNAL';
  return new DispatcherError(known, message, param === undefined ? {} : { param });
}
