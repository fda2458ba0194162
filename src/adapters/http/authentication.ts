import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * Makes the check of `authorization: Bearer KEY`. Keys are compared by digest, so that the time of a
 * comparison tells nothing of a key.
 * @returns undefined when no keys are configured: everybody may ask
 */
export function createAuthentication(
  apiKeys: readonly string[],
): ((request: FastifyRequest) => Promise<void>) | undefined {
  if (apiKeys.length === 0) return undefined;
  const digests = new Set(apiKeys.map(digestOf));
  return async (request) => {
    const header = request.headers.authorization ?? '';
    const key = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    if (key !== undefined && digests.has(digestOf(key))) return;
    const message =
      key === undefined
        ? 'Send an API key in the header `authorization: Bearer KEY`.'
        : 'The API key is not one of this service.';
    throw new DispatcherError('DSP_UNAUTHENTICATED', message);
  };
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('base64');
}
