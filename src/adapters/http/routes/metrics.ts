import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from '../http-deps.ts';

/** `GET /metrics`: Prometheus text. */
export function addMetrics(app: FastifyInstance, deps: HttpDeps): void {
  app.get('/metrics', async (_request, reply) => {
    const text = await deps.metrics.render();
    return reply.type(deps.metrics.contentType).send(text);
  });
}
