import type { FastifyInstance } from 'fastify';
import {
  toChainsDocument,
  toOutlookDocument,
  toPlanDocument,
  toQueueDocument,
  toRequestTimesDocument,
  toServersDocument,
  toSwarmChange,
} from '../admin/map.ts';
import { whatIfSchema } from '../admin/what-if-schemas.ts';
import { refuseUnlessOperator } from '../authentication.ts';
import { refuseCrossSite } from '../cross-site.ts';
import type { HttpDeps } from '../http-deps.ts';
import { parseBody } from '../openai/parse-body.ts';

/** `/admin/v1`: what operators see of the swarm, and what they may do to it. */
export function addAdmin(app: FastifyInstance, deps: HttpDeps): void {
  const { swarm, journal, control } = deps;
  if (swarm !== undefined) {
    app.get('/admin/v1/servers', () => toServersDocument(swarm.servers()));
    app.get('/admin/v1/plan', () => toPlanDocument(swarm.plan()));
    app.get('/admin/v1/chains', () => toChainsDocument(swarm.chains()));
    app.get('/admin/v1/queue', () => toQueueDocument(swarm.queue()));
  }
  if (journal !== undefined) {
    app.get<{ Params: { id: string } }>('/admin/v1/requests/:id', (request, reply) => {
      const times = journal.find(request.params.id);
      if (times !== undefined) return toRequestTimesDocument(times);
      return reply.code(404).send(notFound('No request of late has this id.', 'id'));
    });
  }
  if (control !== undefined) app.register(async (scope) => addActions(scope, deps, control));
}

function addActions(app: FastifyInstance, deps: HttpDeps, control: NonNullable<HttpDeps['control']>): void {
  app.addHook('onRequest', async (request) => {
    refuseCrossSite(request);
    refuseUnlessOperator(deps.access, request);
  });

  app.post('/admin/v1/replan', (_request, reply) => {
    control.replan();
    deps.log.info({}, 'an operator asked for a new plan');
    return reply.code(202).send({ accepted: true });
  });

  app.post<{ Params: { id: string } }>('/admin/v1/servers/:id/drain', (request, reply) => {
    const serverId = request.params.id;
    if (!control.drainServer(serverId))
      return reply.code(404).send(notFound('No server with this id is registered.', 'id'));
    deps.log.info({ serverId }, 'an operator drains a server');
    return reply.code(202).send({ accepted: true });
  });

  app.post('/admin/v1/what-if', async (request) =>
    toOutlookDocument(await control.whatIf(toSwarmChange(parseBody(whatIfSchema, request.body)))),
  );
}

function notFound(message: string, param: string) {
  return { error: { message, type: 'invalid_request_error', param, code: 'not_found' } };
}
