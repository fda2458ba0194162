import type { z } from 'zod';
import { DispatcherError } from '../../../domain/shared/errors.ts';

/**
 * Checks a parsed JSON body. Where a schema is strict, an unknown field is named like a wrong one.
 * @throws DispatcherError DSP_INVALID_ARGUMENT naming the first offending field as `a[0].b`
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const param = pathText([...(issue?.path ?? []), ...unknown]);
  if (param === '') throw new DispatcherError('DSP_INVALID_ARGUMENT', 'The body must be a JSON object.');
  const reason = (issue?.message ?? 'invalid').replace(/^Invalid input: /, '');
  throw new DispatcherError('DSP_INVALID_ARGUMENT', `Invalid value for '${param}': ${reason}.`, { param });
}

/** Longest path that goes into an answer: a key in it may be the client's. */
const MAX_PATH_LENGTH = 200;

function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text.slice(0, MAX_PATH_LENGTH);
}
