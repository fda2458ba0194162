import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import type { ChainSession, ChainTransport } from '../../src/application/ports/chain-transport.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from '../support/memory-block-host.ts';
import { type BlockServerScript, startScriptedBlockServer } from '../support/scripted-block-server.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const HIDDEN = 4;
const ROW = Float32Array.of(1, 2, 3, 4);

describe('gRPC chain transport with servers and networks that fail', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function transportOf(): ChainTransport {
    const transport = createGrpcTransport();
    cleanups.push(() => transport.close());
    return transport;
  }

  async function service(options: MemoryBlockHostOptions = {}) {
    const host = new MemoryBlockHost({ hiddenSize: HIDDEN, ...options });
    const started = await startBlockService({
      host,
      listen: { host: '127.0.0.1', port: 0 },
      logger: pino({ enabled: false }),
    });
    cleanups.push(() => started.close());
    return {
      host,
      address: started.address,
      port: Number(started.address.split(':')[1]),
      close: () => started.close(),
    };
  }

  async function proxyTo(port: number, delayMs = 0): Promise<TcpProxy> {
    const proxy = await TcpProxy.start({ targetPort: port, delayMs });
    cleanups.push(() => proxy.close());
    return proxy;
  }

  async function scripted(script: BlockServerScript): Promise<string> {
    const server = await startScriptedBlockServer(script);
    cleanups.push(() => server.close());
    return server.address;
  }

  function open(
    transport: ChainTransport,
    addresses: readonly string[],
    options: { stepTimeoutMs?: number; hiddenSize?: number; maxTokens?: number } = {},
  ): Promise<ChainSession> {
    const hops = addresses.map((address, i) => ({ serverId: `s${i}`, address, firstBlock: 0, blockCount: 2 }));
    const request = {
      sessionId: 'session',
      modelId: 'test-model',
      hiddenSize: HIDDEN,
      planEpoch: 1,
      hops,
      maxTokens: 64,
      stepTimeoutMs: 2_000,
      ...options,
    };
    return transport.open(request, new AbortController().signal);
  }

  const freed = async (host: MemoryBlockHost): Promise<void> => {
    await expect.poll(() => host.usage().sessions, { interval: 5, timeout: 2_000 }).toBe(0);
  };

  it('tells of a server that dies in the middle of a step, at once', async () => {
    const healthy = await service();
    const dying = await service({ stepMs: 1_000 });
    const session = await open(transportOf(), [healthy.address, dying.address]);
    const step = session.forward(ROW, 1, 1);
    setTimeout(() => void dying.close(), 30);
    const startMs = performance.now();
    await expect(step).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's1' });
    expect(performance.now() - startMs).toBeLessThan(500);
    await freed(healthy.host);
  });

  it('tells of a connection that is cut, frees the cache there, and reaches the server again', async () => {
    const server = await service({ stepMs: 20 });
    const proxy = await proxyTo(server.port);
    const transport = transportOf();
    const session = await open(transport, [proxy.address]);
    const step = session.forward(ROW, 1, 1);
    setTimeout(() => proxy.cut(), 5);
    await expect(step).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's0' });
    await freed(server.host);
    const again = await open(transport, [proxy.address]);
    expect(await again.forward(ROW, 1, 1)).toHaveLength(HIDDEN);
  });

  it('reaches a server that came back at its address within a second', async () => {
    const server = await service();
    const transport = transportOf();
    (await open(transport, [server.address])).close();
    await server.close();
    await expect(open(transport, [server.address])).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
    const host = new MemoryBlockHost({ hiddenSize: HIDDEN });
    const revived = await startBlockService({
      host,
      listen: { host: '127.0.0.1', port: server.port },
      logger: pino({ enabled: false }),
    });
    cleanups.push(() => revived.close());
    await expect
      .poll(
        () =>
          open(transport, [server.address]).then(
            () => 'open',
            (error: { code: string }) => error.code,
          ),
        { interval: 50, timeout: 1_500 },
      )
      .toBe('open');
  });

  it('gives up on a connection that falls silent in the middle of a step, and frees the other hops', async () => {
    const server = await service();
    const proxy = await proxyTo(server.port);
    const session = await open(transportOf(), [proxy.address], { stepTimeoutMs: 100 });
    await session.forward(ROW, 1, 1);
    proxy.pause();
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_STEP_TIMEOUT', serverId: 's0' });
    proxy.resume();
    await freed(server.host);
  });

  it('gives up on a connection that falls silent while opening', async () => {
    const server = await service();
    const proxy = await proxyTo(server.port);
    proxy.pause();
    await expect(open(transportOf(), [proxy.address], { stepTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'DSP_STEP_TIMEOUT',
      serverId: 's0',
    });
  });

  it('does not wait longer for a server whose answer trickles in', async () => {
    const hiddenSize = 16_384;
    const server = await service({ hiddenSize });
    const proxy = await proxyTo(server.port);
    const session = await open(transportOf(), [proxy.address], { stepTimeoutMs: 300, hiddenSize });
    proxy.throttle(20_000);
    const startMs = performance.now();
    await expect(session.forward(new Float32Array(hiddenSize), 1, 1)).rejects.toMatchObject({
      code: 'DSP_STEP_TIMEOUT',
    });
    expect(performance.now() - startMs).toBeLessThan(800);
  });

  it.each<readonly [string, BlockServerScript, string]>([
    ['never answers the opening', { open: () => {} }, 'DSP_STEP_TIMEOUT'],
    ['ends the stream in place of opening', { open: (replies) => replies.end() }, 'DSP_SERVER_LOST'],
    [
      'opens with bytes that are no message',
      { open: (replies) => replies.send(Buffer.from([0xff, 0xff, 0xff])) },
      'DSP_BAD_OUTPUT',
    ],
    ['opens with an empty message', { open: (replies) => replies.send(Buffer.alloc(0)) }, 'DSP_BAD_OUTPUT'],
    [
      'opens with a result',
      {
        open: (replies) =>
          replies.send({
            result: { index: 0, hidden: { dtype: 'float32', shape: [0, HIDDEN], data: Buffer.alloc(0) } },
          }),
      },
      'DSP_BAD_OUTPUT',
    ],
    [
      'refuses with a code that says nothing',
      { open: (replies) => replies.send({ failure: { code: 'DSP_QUEUE_FULL', message: 'x' } }) },
      'DSP_BAD_OUTPUT',
    ],
    [
      'is shutting down',
      { open: (replies) => replies.send({ failure: { code: 'DSP_CANCELLED', message: 'x' } }) },
      'DSP_SERVER_LOST',
    ],
  ])('refuses to open where the server %s', async (_, script, code) => {
    const address = await scripted(script);
    await expect(open(transportOf(), [address], { stepTimeoutMs: 150 })).rejects.toMatchObject({
      code,
      serverId: 's0',
    });
  });

  const data = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
  const tensor = (rows: number, values: Buffer, dtype = 'float32') => ({ dtype, shape: [rows, HIDDEN], data: values });
  it.each<readonly [string, Parameters<typeof answers>[0], string]>([
    ['a wrong index', { index: 1, hidden: tensor(1, data(1, 2, 3, 4)) }, 'DSP_BAD_OUTPUT'],
    ['NaN', { index: 0, hidden: tensor(1, data(1, 2, Number.NaN, 4)) }, 'DSP_BAD_OUTPUT'],
    ['too many rows', { index: 0, hidden: tensor(2, data(1, 2, 3, 4, 5, 6, 7, 8)) }, 'DSP_BAD_OUTPUT'],
    ['fewer bytes than its shape says', { index: 0, hidden: tensor(1, data(1, 2, 3)) }, 'DSP_BAD_OUTPUT'],
    [
      'a byte too many',
      { index: 0, hidden: tensor(1, Buffer.concat([data(1, 2, 3, 4), Buffer.alloc(1)])) },
      'DSP_BAD_OUTPUT',
    ],
    ['another dtype', { index: 0, hidden: tensor(1, data(1, 2, 3, 4), 'float64') }, 'DSP_BAD_OUTPUT'],
    [
      'another hidden size',
      { index: 0, hidden: { dtype: 'float32', shape: [2, 2], data: data(1, 2, 3, 4) } },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a shape of five numbers',
      { index: 0, hidden: { dtype: 'float32', shape: [1, HIDDEN, 1, 1, 1], data: data(1, 2, 3, 4) } },
      'DSP_BAD_OUTPUT',
    ],
    ['no tensor', { index: 0 }, 'DSP_BAD_OUTPUT'],
    [
      'a negative compute time',
      { index: 0, hidden: tensor(1, data(1, 2, 3, 4)), computeSeconds: -1 },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a compute time that is not a number',
      { index: 0, hidden: tensor(1, data(1, 2, 3, 4)), computeSeconds: Number.NaN },
      'DSP_BAD_OUTPUT',
    ],
    [
      'a message above the limit',
      { index: 0, hidden: { dtype: 'float32', shape: [1, HIDDEN], data: Buffer.alloc(2_000_000) } },
      'DSP_BAD_OUTPUT',
    ],
  ])('does not pass on an answer with %s', async (_, result, code) => {
    const next = await service();
    const session = await open(transportOf(), [await scripted(answers(result)), next.address]);
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code, serverId: 's0' });
    expect(next.host.stepsRun).toBe(0);
    await freed(next.host);
  });

  it('blames a server that answers before it was asked, or opens twice', async () => {
    const early = await scripted({
      open: (replies) => {
        replies.send({ opened: {} });
        replies.send({ result: { index: 0, hidden: tensor(1, data(1, 2, 3, 4)) } });
      },
    });
    const session = await open(transportOf(), [early]);
    await sleep(50);
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
    const twice = await scripted({
      open: (replies) => {
        replies.send({ opened: {} });
        replies.send({ opened: {} });
      },
    });
    const second = await open(transportOf(), [twice]);
    await expect(second.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
  });

  it('tells that a port of something else is no block server', async () => {
    const empty = new Server();
    const port = await new Promise<number>((resolve) =>
      empty.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    cleanups.push(() => empty.forceShutdown());
    await expect(open(transportOf(), [`127.0.0.1:${port}`])).rejects.toMatchObject({ code: 'DSP_BAD_OUTPUT' });
  });

  it.each(['unix:/tmp/socket', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:99999', 'xds:///a:1', ''])(
    'dials nothing for the address "%s"',
    async (address) => {
      await expect(open(transportOf(), [address])).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's0' });
    },
  );

  it('makes one line of printable, bounded text of what a server says', async () => {
    const address = await scripted({
      open: (replies) =>
        replies.send({ failure: { code: 'DSP_CACHE_FULL', message: `full\n\u001b[31m${'x'.repeat(10_000)}` } }),
    });
    const error = await open(transportOf(), [address]).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/^Server s0 refused: full {2}\[31mx+\.$/);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  it('sends a prompt of several messages of 1 MiB in parts, in order', async () => {
    const hiddenSize = 8_192;
    const tokens = 100;
    const first = await service({ hiddenSize });
    const second = await service({ hiddenSize });
    const session = await open(transportOf(), [first.address, second.address], { hiddenSize, maxTokens: tokens });
    const hidden = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => i % 1_000);
    const output = await session.forward(hidden, tokens, 40);
    expect(output.length).toBe(40 * hiddenSize);
    expect(output.every((value, i) => value === (hidden[(tokens - 40) * hiddenSize + i] ?? 0) + 6)).toBe(true);
    expect(first.host.stepsRun).toBe(4);
    session.close();
    await freed(first.host);
  });

  it('carries 8 MiB over a round trip of 100 ms within two seconds', async () => {
    const hiddenSize = 8_192;
    const tokens = 256;
    const server = await service({ hiddenSize });
    const proxy = await proxyTo(server.port, 50);
    const session = await open(transportOf(), [proxy.address], {
      hiddenSize,
      maxTokens: tokens + 1,
      stepTimeoutMs: 5_000,
    });
    const startMs = performance.now();
    const output = await session.forward(new Float32Array(tokens * hiddenSize), tokens, tokens);
    const elapsedMs = performance.now() - startMs;
    expect(output.length).toBe(tokens * hiddenSize);
    expect(elapsedMs).toBeGreaterThan(100);
    expect(elapsedMs).toBeLessThan(2_000);
  });
});

function answers(result: {
  index?: number;
  hidden?: { dtype: string; shape: number[]; data: Buffer };
  computeSeconds?: number;
}): BlockServerScript {
  return { step: (replies) => replies.send({ result }) };
}
