import { type FastifyInstance, fastify } from 'fastify';
import { authenticateClient, authenticateObserver } from './authentication.ts';
import { allowOrigins } from './cross-origin.ts';
import { answerBrokenRequest, replyNotFound, replyWithError } from './error-replies.ts';
import type { HttpDeps } from './http-deps.ts';
import { addHtmlPage } from './pages/html-page.ts';
import { OPERATOR_PAGE } from './pages/operator-page.ts';
import { requestIdOf } from './request-id.ts';
import { RouteTable } from './route-table.ts';
import { addAdmin } from './routes/admin.ts';
import { addChatCompletions } from './routes/chat-completions.ts';
import { addCompletions } from './routes/completions.ts';
import { addDocs } from './routes/docs.ts';
import { addMetrics } from './routes/metrics.ts';
import { addModels } from './routes/models.ts';
import { addProbes } from './routes/probes.ts';

/** How often Node looks for clients that are too slow with their request, milliseconds. */
const SLOW_CLIENT_CHECK_MS = 2_000;

/** How often a closing front looks for connections that have fallen idle, milliseconds. */
const IDLE_CLOSE_INTERVAL_MS = 25;

/**
 * The HTTP front. It never listens: the caller does, and closes it. Closing ends idle connections at
 * once and waits for the requests under way.
 */
export function buildHttpServer(deps: HttpDeps): FastifyInstance {
  const { options } = deps;
  const server = {
    maxHeaderSize: options.headerLimitBytes,
    headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
    connectionsCheckingInterval: Math.min(SLOW_CLIENT_CHECK_MS, options.headersTimeoutMs),
    // Tokens are small and must leave at once.
    noDelay: true,
  };
  const app = fastify({
    // One type for both: what differs is the socket under the server.
    ...((options.tls === undefined
      ? { http: server }
      : { https: { ...server, ...options.tls, handshakeTimeout: options.headersTimeoutMs } }) as {
      http: typeof server;
    }),
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    // While closing, requests on open connections still get the application's own answer (draining).
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => replyWithError(deps.log, error, request, reply),
  });
  // JSON alone: a browser asks before it sends that to another site, and does not ask for plain text.
  app.removeContentTypeParser('text/plain');
  app.server.maxConnections = options.maxConnections;

  closeConnectionsAsTheyFallIdle(app);
  dropClientsThatNeverRead(app, options.slowClientTimeoutMs);

  const routes = new RouteTable();
  app.addHook('onRoute', (route) => routes.add(route.method, route.url));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  allowOrigins(app, options.corsOrigins);
  app.setErrorHandler((error, request, reply) => replyWithError(deps.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => replyNotFound(routes.methodsOf(request.url), request, reply));

  addProbes(app, deps);
  addMetrics(app, deps);
  addDocs(app, deps);
  if (deps.swarm !== undefined) addHtmlPage(app, '/', OPERATOR_PAGE);
  app.register(async (scope) => {
    scope.addHook('onRequest', authenticateClient(deps.access));
    addChatCompletions(scope, deps);
    addCompletions(scope, deps);
    addModels(scope, deps);
  });
  app.register(async (scope) => {
    scope.addHook('onRequest', authenticateObserver(deps.access));
    addAdmin(scope, deps);
  });
  return app;
}

/**
 * Node closes the connections that are idle when the closing begins. One whose stream ends later
 * would stay open for its keep-alive time, and the closing with it.
 */
function closeConnectionsAsTheyFallIdle(app: FastifyInstance): void {
  app.addHook('preClose', async () => {
    if (!app.server.listening) return;
    const timer = setInterval(() => app.server.closeIdleConnections(), IDLE_CLOSE_INTERVAL_MS);
    app.server.once('close', () => clearInterval(timer));
  });
}

/** Answers shorter than this, characters, fit the buffers of the operating system whether they are read or not. */
const SHORT_ANSWER_LENGTH = 16 * 1024;

/** A long answer that its client does not take must not stay in memory for as long as the client likes. */
function dropClientsThatNeverRead(app: FastifyInstance, timeoutMs: number): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    if (typeof payload !== 'string' || payload.length < SHORT_ANSWER_LENGTH) return;
    const timer = setTimeout(() => reply.raw.destroy(), timeoutMs);
    reply.raw.once('close', () => clearTimeout(timer));
  });
}
