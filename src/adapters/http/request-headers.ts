import type { IncomingHttpHeaders } from 'node:http';
import { boundedJob } from '../../application/access/bounded-job.ts';
import type { KeyGrant } from '../../application/access/key-ring.ts';
import type { GenerationRequest } from '../../application/ports/inference.ts';
import { validTraceparent } from '../../application/requests/trace-context.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';

/** What a client says of a job in headers, as far as its key allows. */
export type JobHeaders = Pick<GenerationRequest, 'priority' | 'tenant' | 'limits' | 'deadlineMs' | 'traceparent'>;

export const PRIORITY_HEADER = 'x-daisychain-priority';
export const DEADLINE_HEADER = 'x-daisychain-deadline-ms';
export const TENANT_HEADER = 'x-daisychain-tenant';

/** Longest deadline: one day. */
const MAX_DEADLINE_MS = 86_400_000;
const TENANT = /^[A-Za-z0-9._:@-]{1,64}$/;
const WHOLE_NUMBER = /^[0-9]{1,9}$/;

/** @throws DispatcherError DSP_INVALID_ARGUMENT naming the header */
export function readJobHeaders(headers: IncomingHttpHeaders, grant: KeyGrant | undefined): JobHeaders {
  const wanted = { priority: readPriority(headers[PRIORITY_HEADER]), tenant: readTenant(headers[TENANT_HEADER]) };
  const traceparent = validTraceparent(headers['traceparent']);
  return {
    ...boundedJob(wanted, grant, TENANT_HEADER),
    deadlineMs: readDeadline(headers[DEADLINE_HEADER]),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

function readPriority(value: string | string[] | undefined): JobHeaders['priority'] {
  if (value === undefined) return 'normal';
  if (value === 'high' || value === 'normal' || value === 'low') return value;
  throw refusal(PRIORITY_HEADER, 'must be one of high, normal, low');
}

function readTenant(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && TENANT.test(value)) return value;
  throw refusal(TENANT_HEADER, 'must be 1 to 64 letters, digits or any of . _ : @ -');
}

function readDeadline(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const deadlineMs = typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : Number.NaN;
  if (deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS) return deadlineMs;
  throw refusal(DEADLINE_HEADER, `must be a whole number of milliseconds from 1 to ${MAX_DEADLINE_MS}`);
}

function refusal(param: string, rule: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `The header ${param} ${rule}.`, { param });
}
