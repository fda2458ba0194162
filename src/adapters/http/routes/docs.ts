import type { FastifyInstance } from 'fastify';
import { buildOpenApiDocument } from '../openapi/build-document.ts';
import { DOCS_PAGE } from '../pages/docs-page.ts';
import { addHtmlPage } from '../pages/html-page.ts';

/** `GET /openapi.json` and its readable form, `GET /docs`. */
export function addDocs(app: FastifyInstance): void {
  let text: string | undefined;
  app.get('/openapi.json', (_request, reply) => {
    text ??= JSON.stringify(buildOpenApiDocument());
    return reply.type('application/json; charset=utf-8').send(text);
  });
  addHtmlPage(app, '/docs', DOCS_PAGE);
}
