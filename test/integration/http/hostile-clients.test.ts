import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { HttpOptions } from '../../../src/adapters/http/http-options.ts';
import { buildTestFront, type TestFront } from '../../support/http-front.ts';

let front: TestFront | undefined;
afterEach(() => front?.app.close());

async function listen(options: Partial<HttpOptions> = {}): Promise<number> {
  front = buildTestFront(options);
  return Number(new URL(await front.listen()).port);
}

/** Sends bytes and collects what comes back until the other side closes. */
function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (part) => {
      answer += part.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

function errorOf(answer: string): { code: string; type: string } {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).error;
}

test.each<[string, string | Buffer]>([
  ['binary noise', Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 37 + 11) % 256))],
  ['a TLS greeting', Buffer.from('16030100a5010000a1', 'hex')],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a header without a name', 'GET / HTTP/1.1\r\n: x\r\n\r\n'],
  [
    'two content lengths',
    'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
  ],
  [
    'length and chunks together',
    'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
])('answers %s with 400 in the form of an error and closes', async (_what, bytes) => {
  const port = await listen();
  const answer = await exchange(port, bytes);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/);
  expect(errorOf(answer)).toMatchObject({ type: 'invalid_request_error', code: 'invalid_request' });
  const { status } = await fetch(`http://127.0.0.1:${port}/livez`);
  expect(status).toBe(200);
});

test('refuses headers that are too long', async () => {
  const port = await listen({ headerLimitBytes: 4_096 });
  const answer = await exchange(port, `GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(10_000)}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  expect(errorOf(answer).code).toBe('request_too_large');
});

test('gives up on a client that sends its headers too slowly', async () => {
  const port = await listen({ headersTimeoutMs: 200, requestTimeoutMs: 400 });
  const answer = await exchange(port, 'GET /livez HTTP/1.1\r\nhost:');
  expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  expect(errorOf(answer).code).toBe('request_timeout');
});

test('gives up on a client that sends its body too slowly, and runs nothing for it', async () => {
  const port = await listen({ headersTimeoutMs: 200, requestTimeoutMs: 400 });
  const head =
    'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model"';
  const answer = await exchange(port, head);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(front?.service.requests).toHaveLength(0);
});

test('closes connections beyond its limit', async () => {
  const port = await listen({ maxConnections: 2 });
  const first = connect(port, '127.0.0.1');
  const second = connect(port, '127.0.0.1');
  await Promise.all([first, second].map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  expect(await exchange(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');
  first.destroy();
  second.destroy();
});

test('refuses a body that turns out longer than the limit while it arrives', async () => {
  const port = await listen({ bodyLimitBytes: 1_000 });
  const chunk = 'x'.repeat(500);
  const head =
    'POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  const answer = await exchange(port, `${head + `1f4\r\n${chunk}\r\n`.repeat(4)}0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('request_too_large');
});
