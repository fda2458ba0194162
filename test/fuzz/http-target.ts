import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { errorSchema } from '../../src/adapters/http/openai/response-schemas.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { RandomInput } from './random-input.ts';

/** Statuses that the contract knows; 500 is a bug. */
const STATUSES = new Set([200, 202, 204, 400, 401, 404, 405, 408, 413, 414, 415, 429, 431, 499, 502, 503]);
const PATHS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/models',
  '/v1/models/default',
  '/livez',
  '/readyz?verbose',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/',
  '/admin/v1/servers',
  '/admin/v1/plan',
  '/admin/v1/chains',
  '/admin/v1/queue',
  '/admin/v1/requests/x',
  '/admin/v1/what-if',
];
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'];

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly requestId: string;
  readonly body: string;
}

/** Every entry of the HTTP front, over real sockets. @param url of a running dispatcher */
export function httpTargets(url: string): { readonly targets: readonly FuzzTarget[]; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const port = Number(new URL(url).port);
  const ask = (input: RandomInput, method: string, path: string, body: Buffer, headers: Record<string, string> = {}) =>
    exchange(agent, url, method, path, body, { 'content-type': 'application/json', ...headers }, input);
  const targets: FuzzTarget[] = [
    {
      name: 'http-completions',
      weight: 40,
      run: async (input) => {
        const isChat = input.chance(0.5);
        const body = Buffer.from(JSON.stringify(randomBody(input, isChat)));
        const path = isChat ? '/v1/chat/completions' : '/v1/completions';
        return problemOf(
          await ask(input, 'POST', path, input.chance(0.05) ? input.mutate(body) : body, randomHeaders(input)),
        );
      },
    },
    {
      name: 'http-what-if',
      weight: 5,
      run: async (input) =>
        problemOf(await ask(input, 'POST', '/admin/v1/what-if', Buffer.from(JSON.stringify(randomChange(input))))),
    },
    {
      name: 'http-paths',
      weight: 8,
      run: async (input) => {
        const path = input.chance(0.6) ? input.pick(PATHS) : `/${encodeURI(input.text(60).replaceAll('\ud800', ''))}`;
        const method = input.pick(METHODS);
        const body = method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : input.bytes(200);
        return problemOf(await ask(input, method, path, body, randomHeaders(input)), method === 'HEAD');
      },
    },
    { name: 'http-bytes', weight: 8, run: (input) => sendBytes(port, randomRequestBytes(input)) },
  ];
  return { targets, close: () => agent.destroy() };
}

function randomBody(input: RandomInput, isChat: boolean): unknown {
  if (input.chance(0.05)) return input.json();
  const message = () => ({
    role: input.pick(['system', 'user', 'assistant', 'tool', 'x']),
    content: input.mostly(() => input.text()),
  });
  const fields: Record<string, () => unknown> = {
    model: () => input.pick(['default', 'tiny-austen', 'other']),
    messages: () => Array.from({ length: input.int(4) }, message),
    prompt: () => input.pick<unknown>([input.text(), [input.text(), 'b'], [1, 2, 3], [[4], [5, 6]], [-1]]),
    max_tokens: () => input.pick([1, 2, 3, 5, 0, 100_000]),
    max_completion_tokens: () => 1 + input.int(4),
    temperature: () => input.pick([0, 0.7, 2, 3]),
    top_p: () => input.pick([0, 0.5, 1]),
    seed: () => input.int(1e6),
    n: () => input.pick([1, 1, 2, 3, 1_000]),
    stop: () => input.pick<unknown>(['a', ['a', 'b'], [], null]),
    stream: () => input.chance(0.5),
    stream_options: () => ({ include_usage: input.chance(0.5) }),
    logprobs: () => (isChat ? input.chance(0.5) : input.int(7)),
    top_logprobs: () => input.int(25),
    logit_bias: () => ({ [String(input.int(100))]: input.int(300) - 150 }),
    echo: () => input.chance(0.5),
    presence_penalty: () => input.int(5) - 2,
    tools: () => [],
    best_of: () => input.int(3),
  };
  const body: Record<string, unknown> = { model: 'default', max_tokens: 1 + input.int(3) };
  if (isChat) body['messages'] = [{ role: 'user', content: 'hi' }];
  else body['prompt'] = 'hi';
  for (let i = input.int(5); i > 0; i -= 1) {
    const name = input.pick(Object.keys(fields));
    body[name] = input.mostly(() => fields[name]?.());
  }
  return body;
}

function randomChange(input: RandomInput): unknown {
  if (input.chance(0.1)) return input.json();
  const added = () => ({
    server_id: input.mostly(() => input.text(8) || 's'),
    memory_bytes: input.mostly(() => 1 + input.int(1e9)),
    overhead_seconds_per_block: input.mostly(() => input.int(10) / 1_000, 0.95),
    prefill_seconds_per_token_per_block: input.mostly(() => (1 + input.int(10)) / 1e4, 0.95),
    decode_seconds_per_token_per_block: input.mostly(() => (1 + input.int(10)) / 1e4, 0.95),
  });
  return {
    ...(input.chance(0.5) ? { arrival_rate_per_second: input.mostly(() => 10 ** (input.int(9) - 4)) } : {}),
    ...(input.chance(0.4) ? { remove_servers: input.mostly(() => [input.pick(['real', 'none'])]) } : {}),
    ...(input.chance(0.7) ? { add_servers: input.mostly(() => Array.from({ length: input.int(4) }, added)) } : {}),
  };
}

function randomHeaders(input: RandomInput): Record<string, string> {
  const headers: Record<string, string> = {};
  const printable = (): string => input.text(30).replace(/[^\x20-\x7e]/g, '?');
  for (let i = input.int(3); i > 0; i -= 1) {
    const name = input.pick([
      'x-request-id',
      'x-daisychain-priority',
      'x-daisychain-tenant',
      'x-daisychain-deadline-ms',
      'traceparent',
      'authorization',
      'content-type',
      'origin',
      'accept-encoding',
    ]);
    headers[name] = input.chance(0.4)
      ? input.pick(['high', 'low', '1', '60000', 'acme', 'application/json'])
      : printable();
  }
  return headers;
}

function randomRequestBytes(input: RandomInput): Buffer {
  const body = JSON.stringify({ model: 'default', prompt: 'hi', max_tokens: 1 });
  const whole = Buffer.from(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
  return input.chance(0.85) ? input.mutate(whole) : input.bytes(300);
}

/** One request; sometimes its client hangs up on the way, which is an answer too. */
function exchange(
  agent: Agent,
  url: string,
  method: string,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
  input: RandomInput,
): Promise<Answer | undefined> {
  const leavesAfterMs = input.chance(0.05) ? input.int(6) : undefined;
  return new Promise((resolve, reject) => {
    const call = request(url + path, { agent, method, headers: { ...headers, 'content-length': String(body.length) } });
    const leave = leavesAfterMs === undefined ? undefined : setTimeout(() => call.destroy(), leavesAfterMs);
    const settle = (answer: Answer | undefined): void => {
      clearTimeout(leave);
      resolve(answer);
    };
    const fail = (error: Error): void => {
      // A connection that the front closed after an answer may be chosen once more: clients try again.
      if (leavesAfterMs !== undefined || /ECONNRESET|socket hang up|EPIPE/.test(String(error))) settle(undefined);
      else reject(error);
    };
    call.on('error', fail);
    call.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () =>
        settle({
          status: response.statusCode ?? 0,
          type: String(response.headers['content-type'] ?? ''),
          requestId: String(response.headers['x-request-id'] ?? ''),
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    call.end(body);
  });
}

function problemOf(answer: Answer | undefined, isBodiless = false): string | undefined {
  if (answer === undefined) return undefined;
  const { status, body, type, requestId } = answer;
  if (!STATUSES.has(status)) return `status ${status}: ${body.slice(0, 300)}`;
  if (requestId === '') return `no x-request-id with status ${status}`;
  if (isBodiless) return undefined;
  if (status >= 400) return status === 503 && body.includes('"unready"') ? undefined : errorProblem(body, status);
  if (!type.startsWith('text/event-stream')) return undefined;
  const last = body.trimEnd().split('\n\n').at(-1) ?? '';
  if (last === 'data: [DONE]') return undefined;
  return last.startsWith('data: {"error"')
    ? errorProblem(last.slice('data: '.length), status)
    : 'a stream that just ended';
}

function errorProblem(body: string, status: number): string | undefined {
  try {
    const { message } = errorSchema.parse(JSON.parse(body)).error;
    return message.length < 3_000 ? undefined : `a message of ${message.length} characters`;
  } catch {
    return `status ${status} without an error in OpenAI's form: ${body.slice(0, 300)}`;
  }
}

/** What a socket gets for any bytes: answers in the form of HTTP, or a closed connection. */
function sendBytes(port: number, bytes: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    // Bytes that are the beginning of a request keep the front waiting: that has its own time limit.
    socket.setTimeout(30, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const answer = Buffer.concat(chunks).toString();
      if (answer === '') return resolve(undefined);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? Number.NaN);
      if (!STATUSES.has(status) && status !== 505 && status !== 417)
        return resolve(`bytes answered with ${answer.slice(0, 300)}`);
      resolve(undefined);
    });
  });
}
