import { DispatcherError } from '../../domain/shared/errors.ts';

/** An error that names the file and the field at fault. `field` may be empty when the file as a whole is. */
export function badWeights(path: string, field: string, problem: string, cause?: unknown): DispatcherError {
  const where = field === '' ? path : `${path}: ${field}`;
  return new DispatcherError('DSP_BAD_WEIGHTS', `${where} ${problem}`, {
    ...(field === '' ? {} : { param: field }),
    ...(cause === undefined ? {} : { cause }),
  });
}
