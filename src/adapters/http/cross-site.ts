import type { FastifyRequest } from 'fastify';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * Refuses what a page of another site makes an operator's browser send: the browser says so itself.
 * Programs send neither header.
 * @throws DispatcherError DSP_UNAUTHENTICATED
 */
export function refuseCrossSite(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const isForeignOrigin = origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (isForeignOrigin || isForeignSite) {
    throw new DispatcherError('DSP_UNAUTHENTICATED', 'A page of another site may not act on this dispatcher.');
  }
}
