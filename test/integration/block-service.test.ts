import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { type BlockServiceLimits, startBlockService } from '../../src/adapters/block-service/server.ts';
import type { OpenSession } from '../../src/adapters/wire/generated/daisychain/v1/OpenSession.ts';
import type { Step } from '../../src/adapters/wire/generated/daisychain/v1/Step.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from '../support/memory-block-host.ts';
import { connectRaw, RawGrpcCall } from '../support/raw-grpc-call.ts';

const HIDDEN = 4;
const OPEN: OpenSession = {
  sessionId: 'session',
  modelId: 'test-model',
  blocks: { firstBlock: 0, blockCount: 2 },
  maxTokens: 8,
  dtype: 'float32',
  planEpoch: 1,
  hiddenSize: HIDDEN,
};
const SOON = { interval: 5, timeout: 2_000 };

function step(overrides: Partial<Step> = {}, rows = 1): Step {
  return {
    index: 0,
    position: 0,
    returnTokens: 1,
    hidden: { dtype: 'float32', shape: [rows, HIDDEN], data: Buffer.alloc(rows * HIDDEN * 4) },
    ...overrides,
  };
}

describe('block service', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(options: { host?: MemoryBlockHostOptions; limits?: Partial<BlockServiceLimits> } = {}) {
    const host = new MemoryBlockHost({ hiddenSize: HIDDEN, ...options.host });
    const service = await startBlockService({
      host,
      listen: { host: '127.0.0.1', port: 0 },
      logger: pino({ enabled: false }),
      limits: options.limits ?? {},
    });
    cleanups.push(() => service.close());
    return { host, address: service.address, port: Number(service.address.split(':')[1]) };
  }

  async function connection(address: string, window?: number) {
    const session = await connectRaw(address, window);
    cleanups.push(() => session.destroy());
    return session;
  }

  const freed = async (host: MemoryBlockHost): Promise<void> => {
    await expect.poll(() => host.usage().sessions, SOON).toBe(0);
  };

  /** Proof that the service is well: a session on a new connection runs a step. */
  async function stillServes(address: string): Promise<void> {
    const call = new RawGrpcCall(await connection(address));
    call.send({ open: OPEN });
    call.send({ step: step() });
    call.stream.end();
    await call.closed;
    expect(call.replies.map((reply) => reply.reply)).toEqual(['opened', 'result']);
    expect(call.grpcStatus).toBe(0);
  }

  it('serves a client that follows the rules, and ends when the client has ended', async () => {
    const { address, host } = await start();
    await stillServes(address);
    await freed(host);
  });

  it.each<readonly [string, Partial<OpenSession>, string]>([
    ['no session id', { sessionId: '' }, 'DSP_INVALID_ARGUMENT'],
    ['a session id that is too long', { sessionId: 'x'.repeat(65) }, 'DSP_INVALID_ARGUMENT'],
    ['another model', { modelId: 'other' }, 'DSP_INVALID_ARGUMENT'],
    ['no blocks', { blocks: null }, 'DSP_INVALID_ARGUMENT'],
    ['zero blocks', { blocks: { firstBlock: 0, blockCount: 0 } }, 'DSP_INVALID_ARGUMENT'],
    ['blocks beyond the model', { blocks: { firstBlock: 7, blockCount: 4_294_967_295 } }, 'DSP_INVALID_ARGUMENT'],
    ['no tokens', { maxTokens: 0 }, 'DSP_INVALID_ARGUMENT'],
    ['another dtype', { dtype: 'float16' }, 'DSP_UNSUPPORTED'],
    ['another hidden size', { hiddenSize: 8 }, 'DSP_INVALID_ARGUMENT'],
    ['more cache than there is', { maxTokens: 4_000_000_000 }, 'DSP_CACHE_FULL'],
  ])('refuses to open with %s', async (_, overrides, code) => {
    const { address, host } = await start();
    const call = new RawGrpcCall(await connection(address));
    call.send({ open: { ...OPEN, ...overrides } });
    await call.closed;
    expect(call.failureCode).toBe(code);
    expect(host.usage().sessions).toBe(0);
  });

  it.each<readonly [string, Step, string]>([
    ['a wrong index', step({ index: 1 }), 'DSP_INVALID_ARGUMENT'],
    ['a wrong position', step({ position: 3 }), 'DSP_INVALID_ARGUMENT'],
    ['no rows', step({ returnTokens: 0 }, 0), 'DSP_INVALID_ARGUMENT'],
    ['more rows to return than it has', step({ returnTokens: 2 }), 'DSP_INVALID_ARGUMENT'],
    ['more rows than were reserved', step({}, 9), 'DSP_CONTEXT_TOO_LONG'],
    ['no tensor', step({ hidden: null }), 'DSP_INVALID_ARGUMENT'],
    [
      'a shape of millions of rows and no bytes',
      step({ hidden: { dtype: 'float32', shape: [4_000_000_000, HIDDEN], data: Buffer.alloc(0) } }),
      'DSP_INVALID_ARGUMENT',
    ],
    [
      'half a row',
      step({ hidden: { dtype: 'float32', shape: [1, HIDDEN], data: Buffer.alloc(8) } }),
      'DSP_INVALID_ARGUMENT',
    ],
    [
      'NaN',
      step({
        hidden: {
          dtype: 'float32',
          shape: [1, HIDDEN],
          data: Buffer.from(Float32Array.of(0, Number.NaN, 0, 0).buffer),
        },
      }),
      'DSP_INVALID_ARGUMENT',
    ],
  ])('refuses a step with %s and frees the session', async (_, wrong, code) => {
    const { address, host } = await start();
    const call = new RawGrpcCall(await connection(address));
    call.send({ open: OPEN });
    call.send({ step: wrong });
    await call.closed;
    expect(call.failureCode).toBe(code);
    expect(call.grpcStatus).toBe(0);
    expect(host.stepsRun).toBe(0);
    await freed(host);
  });

  it('refuses a step before the opening, a second opening, an empty message and bytes that are none', async () => {
    const { address, host } = await start();
    const session = await connection(address);
    const early = new RawGrpcCall(session);
    early.send({ step: step() });
    const twice = new RawGrpcCall(session);
    twice.send({ open: OPEN });
    twice.send({ open: OPEN });
    const empty = new RawGrpcCall(session);
    empty.send({});
    const garbled = new RawGrpcCall(session);
    garbled.sendBytes(Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
    const compressed = new RawGrpcCall(session);
    compressed.sendBytes(Buffer.from([1, 0, 0, 0, 1, 0]));
    const large = new RawGrpcCall(session);
    large.sendBytes(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    const calls = [early, twice, empty, garbled, compressed, large];
    await Promise.all(calls.map((call) => call.closed));
    expect(calls.map((call) => call.failureCode)).toEqual([
      'DSP_INVALID_ARGUMENT',
      'DSP_INVALID_ARGUMENT',
      'DSP_INVALID_ARGUMENT',
      'DSP_INVALID_ARGUMENT',
      'DSP_UNSUPPORTED',
      'DSP_REQUEST_TOO_LARGE',
    ]);
    await freed(host);
    await stillServes(address);
  });

  it('answers what is no call of its service in the terms of HTTP and gRPC', async () => {
    const { address } = await start();
    const session = await connection(address);
    const json = new RawGrpcCall(session, { contentType: 'application/json' });
    const unknown = new RawGrpcCall(session, { path: '/daisychain.v1.BlockServer/Nothing' });
    const info = new RawGrpcCall(session, { path: '/daisychain.v1.BlockServer/Info' });
    info.stream.end();
    await Promise.all([json.closed, unknown.closed, info.closed]);
    expect(json.httpStatus).toBe(415);
    expect(unknown.grpcStatus).toBe(12);
    expect(info.grpcStatus).toBe(13);
  });

  it('frees the session however the stream ends', async () => {
    const { address, host } = await start({ host: { stepMs: 20 } });
    const session = await connection(address);
    const openOne = async (): Promise<RawGrpcCall> => {
      const call = new RawGrpcCall(session);
      call.send({ open: OPEN });
      call.send({ step: step() });
      await expect.poll(() => call.replies.length, SOON).toBeGreaterThan(0);
      return call;
    };
    (await openOne()).stream.close(8);
    (await openOne()).stream.end();
    (await openOne()).stream.destroy();
    await freed(host);
    await openOne();
    session.destroy();
    await freed(host);
    await stillServes(address);
  });

  it('ends a stream that never opens, and an open session without steps', async () => {
    const { address, host } = await start({ limits: { openTimeoutMs: 60, idleTimeoutMs: 60 } });
    const session = await connection(address);
    const silent = new RawGrpcCall(session);
    const idle = new RawGrpcCall(session);
    idle.send({ open: OPEN });
    await Promise.all([silent.closed, idle.closed]);
    expect(silent.failureCode).toBe('DSP_DEADLINE_EXCEEDED');
    expect(idle.failureCode).toBe('DSP_DEADLINE_EXCEEDED');
    await freed(host);
  });

  it('does not count the time of a long step as idle', async () => {
    const { address } = await start({ host: { stepMs: 150 }, limits: { idleTimeoutMs: 60 } });
    const call = new RawGrpcCall(await connection(address));
    call.send({ open: OPEN });
    call.send({ step: step() });
    await expect.poll(() => call.replies.length, SOON).toBe(2);
    expect(call.replies[1]?.reply).toBe('result');
  });

  it('ends the session of a client that does not read its results', async () => {
    const { address, host } = await start({
      host: { hiddenSize: 16_384, cacheTokens: 1_000 },
      limits: { idleTimeoutMs: 150 },
    });
    const call = new RawGrpcCall(await connection(address, 0), { isReading: false });
    call.send({ open: { ...OPEN, hiddenSize: 16_384 } });
    call.send({ step: step({ hidden: { dtype: 'float32', shape: [1, 16_384], data: Buffer.alloc(65_536) } }) });
    await expect.poll(() => host.stepsRun, SOON).toBe(1);
    await freed(host);
  });

  it('holds back a client that sends faster than the blocks compute', async () => {
    const hiddenSize = 65_536;
    const { address, host } = await start({ host: { hiddenSize, stepMs: 5_000, cacheTokens: 10_000 } });
    const session = await connection(address);
    const call = new RawGrpcCall(session);
    call.send({ open: { ...OPEN, hiddenSize, maxTokens: 1_000 } });
    for (let i = 0; i < 200; i += 1) {
      call.send({
        step: step({
          index: i,
          position: i,
          hidden: { dtype: 'float32', shape: [1, hiddenSize], data: Buffer.alloc(hiddenSize * 4) },
        }),
      });
    }
    await expect.poll(() => host.stepsAtWork, SOON).toBe(1);
    await sleep(200);
    const before = session.socket.bytesWritten;
    await sleep(100);
    expect(session.socket.bytesWritten).toBe(before);
    expect(before).toBeLessThan(16 * 1024 * 1024);
    session.destroy();
    await freed(host);
  });

  it('refuses sessions and streams beyond their limits, and takes new ones when some have ended', async () => {
    const { address, host } = await start({ limits: { maxSessions: 2 } });
    const session = await connection(address);
    const calls = [1, 2, 3].map(() => new RawGrpcCall(session));
    for (const call of calls) call.send({ open: OPEN });
    await calls[2]?.closed;
    expect(calls[2]?.failureCode).toBe('DSP_CACHE_FULL');
    expect(host.usage().sessions).toBe(2);
    for (const call of calls) call.stream.close();
    await freed(host);
    await stillServes(address);
  });

  it('does not keep a finished stream whose client never ends it', async () => {
    const { address } = await start({ limits: { maxSessions: 1 } });
    const session = await connection(address);
    for (let i = 0; i < 5; i += 1) {
      const call = new RawGrpcCall(session);
      call.send({ open: { ...OPEN, maxTokens: 0 } });
      await call.closed;
      expect(call.failureCode).toBe('DSP_INVALID_ARGUMENT');
    }
  });

  it('drops connections that do not speak HTTP/2, at once or after the time to say hello', async () => {
    const { port, address } = await start({ limits: { openTimeoutMs: 100 } });
    const ended = (bytes: Buffer | string): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {});
        socket.resume();
        socket.once('close', () => resolve());
        cleanups.push(() => socket.destroy());
      });
    const rng = createRng(1);
    const random = Buffer.from(Array.from({ length: 4_096 }, () => Math.floor(rng.next() * 256)));
    await Promise.all([
      ended(random),
      ended('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      ended('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      ended('P'),
      ended(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), random])),
    ]);
    await stillServes(address);
  });

  it('survives ten thousand random messages', async () => {
    const seed = 20_260_101;
    const { address, host } = await start();
    const rng = createRng(seed, 'garbage');
    const int = (below: number): number => Math.floor(rng.next() * below);
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => int(256)));
    let session = await connection(address);
    const calls: RawGrpcCall[] = [];
    for (let i = 0; i < 10_000; i += 1) {
      if (session.closed || session.destroyed) session = await connection(address);
      let call = calls.find((candidate) => !candidate.isClosed && !candidate.stream.destroyed);
      if (call === undefined || int(4) === 0) {
        call = new RawGrpcCall(session);
        calls.push(call);
        if (int(2) === 0) call.send({ open: OPEN });
      }
      sendSomething(call, int, bytes);
      if (calls.length > 60) {
        for (const old of calls.splice(0)) old.stream.close(int(2) * 8);
        await sleep(0);
      }
    }
    session.destroy();
    await freed(host);
    await stillServes(address);
  });
});

function sendSomething(call: RawGrpcCall, int: (below: number) => number, bytes: (length: number) => Buffer): void {
  const length = int(64);
  const prefix = Buffer.from([0, 0, 0, 0, length]);
  switch (int(5)) {
    case 0:
      call.sendBytes(bytes(length));
      return;
    case 1:
      call.sendBytes(Buffer.concat([prefix, bytes(length)]));
      return;
    case 2:
      call.send({
        step: {
          index: int(4),
          position: int(4),
          returnTokens: int(4),
          hidden: { dtype: 'float32', shape: [int(4), HIDDEN], data: bytes(int(4) * HIDDEN * 4) },
        },
      });
      return;
    case 3:
      call.send({ step: step({}, 1) });
      return;
    default:
      call.send({ open: { ...OPEN, maxTokens: int(20), blocks: { firstBlock: int(10), blockCount: int(10) } } });
  }
}
