import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from '../http-deps.ts';
import { buildOpenApiDocument } from '../openapi/build-document.ts';
import { DOCS_PAGE } from '../pages/docs-page.ts';
import { addHtmlPage } from '../pages/html-page.ts';

/** `GET /openapi.json` and its readable form, `GET /docs`. */
export function addDocs(app: FastifyInstance, deps: HttpDeps): void {
  let text: string | undefined;
  app.get('/openapi.json', (_request, reply) => {
    text ??= JSON.stringify(buildOpenApiDocument((part) => deps[part] !== undefined));
    return reply.type('application/json; charset=utf-8').send(text);
  });
  addHtmlPage(app, '/docs', DOCS_PAGE);
}
