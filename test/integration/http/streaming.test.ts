import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpOptions } from '../../../src/adapters/http/http-options.ts';
import { DispatcherError } from '../../../src/domain/shared/errors.ts';
import { buildTestFront, type TestFront } from '../../support/http-front.ts';

let front: TestFront | undefined;
afterEach(() => front?.app.close());

async function listen(options: Partial<HttpOptions> = {}): Promise<{ front: TestFront; url: string; port: number }> {
  front = buildTestFront(options);
  const url = await front.listen();
  return { front, url, port: Number(new URL(url).port) };
}

const CHAT = { model: 'default', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1_000_000 };

function post(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

/** A raw request, for clients that no library would play. */
async function openRaw(port: number, body: object): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const payload = JSON.stringify(body);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload}`,
  );
  return socket;
}

async function until(condition: () => boolean, limitMs = 3_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`did not happen within ${limitMs} ms`);
    await sleep(5);
  }
}

const never = (signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

describe('the first chunk', () => {
  test('leaves at once: no delay of small packets on the way', async () => {
    const { front, url } = await listen();
    front.service.script = { texts: ['a'] };
    const waits: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const before = performance.now();
      const response = await post(url, { ...CHAT, stream: true });
      const reader = response.body!.getReader();
      await reader.read();
      waits.push(performance.now() - before);
      while (!(await reader.read()).done);
    }
    // A delayed acknowledgement would add 40 ms to each.
    expect(waits.sort((a, b) => a - b)[10]).toBeLessThan(20);
  });

  test('and every later one arrive when they are made, not when the stream ends', async () => {
    const { front, url } = await listen();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    front.service.script = { texts: ['one', 'two'], beforeToken: (index) => gates[index]!.promise };
    gates[0]!.resolve();
    const response = await post(url, { ...CHAT, stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('one')) text += (await reader.read()).value;
    expect(text).not.toContain('two');
    gates[1]!.resolve();
    while (!text.includes('two')) text += (await reader.read()).value;
    expect(text).not.toContain('[DONE]');
    gates[2]!.resolve();
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });
});

describe('a client that leaves', () => {
  test.each([
    ['a stream while a token is computed', { stream: true }, 2],
    ['a stream before its first token', { stream: true }, 0],
    ['a whole answer', { stream: false }, 2],
    ['several choices', { stream: true, n: 3 }, 1],
  ])('frees its slots at once: %s', async (_what, extra, tokensFirst) => {
    const { front, url } = await listen();
    front.service.script = {
      texts: ['a', 'b', 'c', 'd'],
      beforeToken: (index, signal) => (index < tokensFirst ? Promise.resolve() : never(signal)),
    };
    const controller = new AbortController();
    const response = post(url, { ...CHAT, ...extra }, controller.signal);
    const choices = 'n' in extra ? extra.n : 1;
    await until(() => front.service.running === choices && front.service.tokensPulled === tokensFirst * choices);
    controller.abort();
    await response.then((r) => r.text()).catch(() => undefined);
    await until(() => front.service.running === 0);
    expect(front.service.signals.every((signal) => signal.aborted)).toBe(true);
    expect(front.log.lines.filter((line) => line.level === 'error' || line.level === 'warn')).toEqual([]);
  });

  test('frees the slots of all requests that it sent on one connection without waiting', async () => {
    const { front, port } = await listen();
    front.service.script = { texts: ['a'], beforeToken: (_index, signal) => never(signal) };
    const payload = JSON.stringify({ ...CHAT, stream: true });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n`;
    const socket = connect(port, '127.0.0.1');
    socket.write((head + payload).repeat(20));
    await until(() => front.service.running === 20);
    socket.destroy();
    await until(() => front.service.running === 0);
    expect(front.log.lines.filter((line) => line.level === 'error' || line.level === 'warn')).toEqual([]);
  });

  test('while its job waits in the queue takes it out of the queue', async () => {
    const { front, url } = await listen();
    let wasCancelled = false;
    front.service.generate = async (_request, signal) => {
      await never(signal).catch((error: DispatcherError) => {
        wasCancelled = error.code === 'DSP_CANCELLED';
        throw error;
      });
      throw new Error('unreachable');
    };
    const controller = new AbortController();
    const response = post(url, { ...CHAT, stream: true }, controller.signal);
    await sleep(50);
    controller.abort();
    await response.catch(() => undefined);
    await until(() => wasCancelled);
  });
});

describe('a client that reads slowly', () => {
  const bigText = 'x'.repeat(64 * 1024);

  test('slows its own stream down, and gets all of it in the end', async () => {
    const { front, port } = await listen();
    front.service.script = { texts: Array.from({ length: 400 }, () => bigText), finishReason: 'length' };
    const socket = await openRaw(port, { ...CHAT, stream: true });
    socket.pause();
    await until(() => front.service.tokensPulled > 0);
    let before = -1;
    while (before !== front.service.tokensPulled) {
      before = front.service.tokensPulled;
      await sleep(100);
    }
    // What the kernel's buffers take, and not the whole 25 MB.
    expect(front.service.tokensPulled).toBeLessThan(300);
    expect(front.service.running).toBe(1);
    let bytes = 0;
    let tail = '';
    socket.on('data', (part) => {
      bytes += part.length;
      tail = (tail + part.toString('latin1')).slice(-40);
    });
    socket.resume();
    await until(() => tail.includes('data: [DONE]'));
    expect(front.service.tokensPulled).toBe(400);
    expect(bytes).toBeGreaterThan(400 * bigText.length);
    socket.destroy();
  });

  test('and takes nothing for too long is dropped, and its slot freed', async () => {
    const { front, port } = await listen({ slowClientTimeoutMs: 150 });
    front.service.script = { texts: Array.from({ length: 1_000 }, () => bigText) };
    const socket = await openRaw(port, { ...CHAT, stream: true });
    socket.on('error', () => undefined);
    socket.pause();
    await until(() => front.service.running === 1);
    await until(() => front.service.running === 0);
    expect(front.service.tokensPulled).toBeLessThan(1_000);
    await until(() => front.log.lines.some((line) => line.message === 'stream dropped'));
    const connections = (): Promise<number> =>
      new Promise((resolve) => front.app.server.getConnections((_error, count) => resolve(count)));
    let open = await connections();
    for (let i = 0; i < 100 && open > 0; i += 1) {
      await sleep(10);
      open = await connections();
    }
    expect(open).toBe(0);
    socket.destroy();
  });
});

test('a client that never takes a long whole answer is dropped', async () => {
  const { front, port } = await listen({ slowClientTimeoutMs: 150 });
  front.service.script = { texts: ['x'.repeat(20_000_000)] };
  const socket = await openRaw(port, CHAT);
  socket.on('error', () => undefined);
  socket.pause();
  await until(() => front.service.tokensPulled === 1);
  const connections = (): Promise<number> =>
    new Promise((resolve) => front.app.server.getConnections((_error, count) => resolve(count)));
  let open = 1;
  for (let i = 0; i < 200 && open > 0; i += 1) {
    await sleep(10);
    open = await connections();
  }
  expect(open).toBe(0);
  socket.destroy();
});

describe('a stream that fails after it began', () => {
  test('ends with the error and keeps the connection usable', async () => {
    const { front, url } = await listen();
    front.service.script = {
      texts: ['a', 'b'],
      failAt: { token: 1, error: new DispatcherError('DSP_CHAIN_FAILED', 'no chain left') },
    };
    const text = await (await post(url, { ...CHAT, stream: true })).text();
    expect(text.trimEnd().split('\n\n').at(-1)).toBe(
      'data: {"error":{"message":"no chain left","type":"server_error","param":null,"code":"chain_failed"}}',
    );
    front.service.script = { texts: ['fine'] };
    expect((await post(url, CHAT)).status).toBe(200);
  });
});

describe('closing the front', () => {
  test('lets a stream under way finish', async () => {
    const { front, url } = await listen();
    const gate = Promise.withResolvers<void>();
    front.service.script = {
      texts: ['a', 'b'],
      beforeToken: (index) => (index === 1 ? gate.promise : Promise.resolve()),
    };
    const response = await post(url, { ...CHAT, stream: true });
    const closing = front.app.close();
    await sleep(20);
    gate.resolve();
    expect(await response.text()).toContain('[DONE]');
    const before = performance.now();
    await closing;
    // The kept-alive connection does not hold it up.
    expect(performance.now() - before).toBeLessThan(4_000);
  });
});
