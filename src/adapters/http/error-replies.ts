import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { errorBody, HTTP_ERRORS, type OpenAiErrorBody, retryHeaders, toDispatcherError } from './error-map.ts';
import type { HttpLog } from './http-deps.ts';

/** Answers any thrown value in OpenAI's form. */
export function replyWithError(log: HttpLog, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = refusalOfFramework(thrown);
  if (refusal !== undefined) {
    reply.code(refusal.status).header('x-request-id', request.id).send(refusal.body);
    return;
  }
  const error = toDispatcherError(thrown);
  const shape = HTTP_ERRORS[error.code];
  if (shape.status >= 500 && shape.defaultRetryAfterMs === undefined) {
    log.error(
      { requestId: request.id, code: error.code, serverId: error.serverId, err: error.cause ?? error },
      'request failed',
    );
  }
  reply.code(shape.status).header('x-request-id', request.id).headers(retryHeaders(error)).send(errorBody(error));
}

/** Answers a path that does not exist (404) or a method that a path does not have (405). */
export function replyNotFound(allowedMethods: readonly string[], request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
  if (allowedMethods.length === 0) {
    reply
      .code(404)
      .send(refusal(`There is nothing at ${request.method} ${path}. GET /docs lists what there is.`, 'not_found'));
    return;
  }
  const allow = allowedMethods.join(', ');
  reply
    .code(405)
    .header('allow', allow)
    .send(refusal(`${path} does not take ${request.method}; it takes ${allow}.`, 'method_not_allowed'));
}

/** Answers bytes that are no HTTP request, on the bare socket, and closes it. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message, code] = BROKEN_REQUESTS[error.code ?? ''] ?? [
    '400 Bad Request',
    'These bytes are not an HTTP request.',
    'invalid_request',
  ];
  const body = JSON.stringify(refusal(message, code));
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${randomUUID()}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // A client that neither reads nor closes must not keep the socket.
  socket.setTimeout(1_000, () => socket.destroy());
}

const BROKEN_REQUESTS: Readonly<Record<string, readonly [status: string, message: string, code: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The request line and headers are too long.',
    'request_too_large',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'The chunk extensions are too long.', 'request_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.', 'request_timeout'],
};

interface FrameworkRefusal {
  readonly status: number;
  readonly body: OpenAiErrorBody;
}

/** Fastify's own complaints about a request that never reached a route's code. */
function refusalOfFramework(thrown: unknown): FrameworkRefusal | undefined {
  if (thrown instanceof DispatcherError || !(thrown instanceof Error)) return undefined;
  const { code, statusCode } = thrown as Error & { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return { status: 413, body: refusal('The body is longer than this service takes.', 'request_too_large') };
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return {
      status: 415,
      body: refusal('The body must be JSON: send the header content-type: application/json.', 'unsupported_media_type'),
    };
  }
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY')
    return { status: 400, body: refusal('The body is empty; it must be a JSON object.', 'invalid_value') };
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY' || thrown instanceof SyntaxError) {
    return { status: 400, body: refusal('The body is not valid JSON.', 'invalid_value') };
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, body: refusal('The request is malformed.', 'invalid_value') };
  }
  return undefined;
}

function refusal(message: string, code: string): OpenAiErrorBody {
  return { error: { message, type: 'invalid_request_error', param: null, code } };
}
