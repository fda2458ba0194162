import { randomUUID } from 'node:crypto';

/** What a client may call its request: printable, without quotes or separators that logs and headers use. */
const SANE_REQUEST_ID = /^[A-Za-z0-9._:@/+=-]{1,128}$/;

/** The client's `x-request-id` where it is sane, or a fresh unguessable one. */
export function requestIdOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && SANE_REQUEST_ID.test(header) ? header : randomUUID();
}
