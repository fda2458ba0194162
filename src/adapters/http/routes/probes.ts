import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from '../http-deps.ts';

/**
 * `/livez` is 200 as long as the process answers. `/readyz` is 200 while requests can be served, else
 * 503 with the reasons; `/healthz` and `/health`, which older tools ask, mean the same. `?verbose`
 * adds the models.
 */
export function addProbes(app: FastifyInstance, deps: HttpDeps): void {
  app.get('/livez', (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return { status: 'alive' };
  });

  for (const path of ['/readyz', '/healthz', '/health']) {
    app.get<{ Querystring: Record<string, unknown> }>(path, (request, reply) => {
      const reasons = deps.inference.unreadyReasons();
      const models =
        'verbose' in request.query
          ? { models: deps.inference.models().map(({ id, isServing }) => ({ id, is_serving: isServing })) }
          : {};
      reply.header('cache-control', 'no-store');
      if (reasons.length === 0) return { status: 'ready', ...models };
      reply.code(503).header('retry-after', '5');
      return { status: 'unready', reasons, ...models };
    });
  }
}
