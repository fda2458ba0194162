import type { FastifyInstance } from 'fastify';
import type { SwarmView } from '../../../application/ports/swarm-view.ts';
import { toChainsDocument, toPlanDocument, toQueueDocument, toServersDocument } from '../admin/map.ts';

/** `GET /admin/v1/servers`, `/plan`, `/chains`, `/queue`: what operators see of the swarm. */
export function addAdmin(app: FastifyInstance, swarm: SwarmView): void {
  app.get('/admin/v1/servers', () => toServersDocument(swarm.servers()));
  app.get('/admin/v1/plan', () => toPlanDocument(swarm.plan()));
  app.get('/admin/v1/chains', () => toChainsDocument(swarm.chains()));
  app.get('/admin/v1/queue', () => toQueueDocument(swarm.queue()));
}
