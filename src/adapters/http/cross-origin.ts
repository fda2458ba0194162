import type { FastifyInstance } from 'fastify';

const ALLOWED_HEADERS =
  'authorization, content-type, x-request-id, x-daisychain-priority, x-daisychain-deadline-ms, x-daisychain-tenant, traceparent';
const EXPOSED_HEADERS = 'x-request-id, x-daisychain-chain, x-daisychain-queue-ms, retry-after, retry-after-ms';
const PREFLIGHT_SECONDS = '600';

/**
 * Lets pages of the named origins call `/v1` from a browser. Without any, browsers keep other sites'
 * pages from reading answers; `/admin/v1` is never opened to them.
 * @param origins such as `https://chat.example`
 */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/v1/')) return;
    reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-expose-headers', EXPOSED_HEADERS);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': ALLOWED_HEADERS,
        'access-control-max-age': PREFLIGHT_SECONDS,
      })
      .send();
  });
}
