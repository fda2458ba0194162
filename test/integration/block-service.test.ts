import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeInfoReply, INFO_PATH } from '../../src/adapters/wire/block-server-codec.ts';
import type { OpenSession } from '../../src/adapters/wire/generated/daisychain/v1/OpenSession.ts';
import type { Step } from '../../src/adapters/wire/generated/daisychain/v1/Step.ts';
import { BlockServiceRig, HIDDEN, OPEN, zeroStep } from '../support/block-service-rig.ts';
import { RawGrpcCall } from '../support/raw-grpc-call.ts';

describe('block service', () => {
  const rig = new BlockServiceRig();
  afterEach(() => rig.close());

  it('serves a client that follows the rules, and ends when the client has ended', async () => {
    const { address, host } = await rig.start();
    await rig.stillServes(address);
    await rig.freed(host);
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
    const { address, host } = await rig.start();
    const call = new RawGrpcCall(await rig.connect(address));
    call.send({ open: { ...OPEN, ...overrides } });
    await call.closed;
    expect(call.failureCode).toBe(code);
    expect(host.usage().sessions).toBe(0);
  });

  it.each<readonly [string, Step, string]>([
    ['a wrong index', zeroStep({ index: 1 }), 'DSP_INVALID_ARGUMENT'],
    ['a wrong position', zeroStep({ position: 3 }), 'DSP_INVALID_ARGUMENT'],
    ['no rows', zeroStep({ returnTokens: 0 }, 0), 'DSP_INVALID_ARGUMENT'],
    ['more rows to return than it has', zeroStep({ returnTokens: 2 }), 'DSP_INVALID_ARGUMENT'],
    ['more rows than were reserved', zeroStep({}, 9), 'DSP_CONTEXT_TOO_LONG'],
    ['no tensor', zeroStep({ hidden: null }), 'DSP_INVALID_ARGUMENT'],
    [
      'a shape of millions of rows and no bytes',
      zeroStep({ hidden: { dtype: 'float32', shape: [4_000_000_000, HIDDEN], data: Buffer.alloc(0) } }),
      'DSP_INVALID_ARGUMENT',
    ],
    [
      'half a row',
      zeroStep({ hidden: { dtype: 'float32', shape: [1, HIDDEN], data: Buffer.alloc(8) } }),
      'DSP_INVALID_ARGUMENT',
    ],
    [
      'NaN',
      zeroStep({
        hidden: {
          dtype: 'float32',
          shape: [1, HIDDEN],
          data: Buffer.from(Float32Array.of(0, Number.NaN, 0, 0).buffer),
        },
      }),
      'DSP_INVALID_ARGUMENT',
    ],
  ])('refuses a step with %s and frees the session', async (_, wrong, code) => {
    const { address, host } = await rig.start();
    const call = new RawGrpcCall(await rig.connect(address));
    call.send({ open: OPEN });
    call.send({ step: wrong });
    await call.closed;
    expect(call.failureCode).toBe(code);
    expect(call.grpcStatus).toBe(0);
    expect(host.stepsRun).toBe(0);
    await rig.freed(host);
  });

  it('refuses a step before the opening, a second opening, an empty message and bytes that are none', async () => {
    const { address, host } = await rig.start();
    const session = await rig.connect(address);
    const early = new RawGrpcCall(session);
    early.send({ step: zeroStep() });
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
    await rig.freed(host);
    await rig.stillServes(address);
  });

  it('answers what is no call of its service in the terms of HTTP and gRPC', async () => {
    const { address } = await rig.start();
    const session = await rig.connect(address);
    const json = new RawGrpcCall(session, { contentType: 'application/json' });
    const unknown = new RawGrpcCall(session, { path: '/daisychain.v1.BlockServer/Nothing' });
    const info = new RawGrpcCall(session, { path: '/daisychain.v1.BlockServer/Info' });
    info.stream.end();
    await Promise.all([json.closed, unknown.closed, info.closed]);
    expect(json.httpStatus).toBe(415);
    expect(unknown.grpcStatus).toBe(12);
    expect(info.grpcStatus).toBe(13);
  });

  it('tells what it hosts', async () => {
    const { address } = await rig.start({ host: { hosted: { firstBlock: 2, blockCount: 3 } } });
    const client = new Client(address, credentials.createInsecure());
    rig.onClose(() => client.close());
    const reply = await new Promise<Buffer | undefined>((resolve, reject) => {
      const empty = (): Buffer => Buffer.alloc(0);
      client.makeUnaryRequest(
        INFO_PATH,
        empty,
        (bytes) => bytes,
        {},
        (error, value) => (error === null ? resolve(value) : reject(error)),
      );
    });
    expect(decodeInfoReply(reply ?? Buffer.alloc(0))).toMatchObject({
      modelId: 'test-model',
      blockCount: 8,
      hiddenSize: HIDDEN,
      hosted: { firstBlock: 2, blockCount: 3 },
      cacheBytesFree: 640_000,
      sessions: 0,
      weightsDigest: 'memory',
    });
  });
});
