import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BlockServiceRig, OPEN, SOON, zeroStep } from '../support/block-service-rig.ts';
import { RawGrpcCall } from '../support/raw-grpc-call.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

describe('limits of the block service', () => {
  const rig = new BlockServiceRig();
  afterEach(() => rig.close());

  it('frees the session however the stream ends', async () => {
    const { address, host } = await rig.start({ host: { stepMs: 20 } });
    const session = await rig.connect(address);
    const openOne = async (): Promise<RawGrpcCall> => {
      const call = new RawGrpcCall(session);
      call.send({ open: OPEN });
      call.send({ step: zeroStep() });
      await expect.poll(() => call.replies.length, SOON).toBeGreaterThan(0);
      return call;
    };
    (await openOne()).stream.close(8);
    (await openOne()).stream.end();
    (await openOne()).stream.destroy();
    await rig.freed(host);
    await openOne();
    session.destroy();
    await rig.freed(host);
    await rig.stillServes(address);
  });

  it('ends a stream that never opens, and an open session without steps', async () => {
    const { address, host } = await rig.start({ limits: { openTimeoutMs: 60, idleTimeoutMs: 60 } });
    const session = await rig.connect(address);
    const silent = new RawGrpcCall(session);
    const idle = new RawGrpcCall(session);
    idle.send({ open: OPEN });
    await Promise.all([silent.closed, idle.closed]);
    expect(silent.failureCode).toBe('DSP_DEADLINE_EXCEEDED');
    expect(idle.failureCode).toBe('DSP_DEADLINE_EXCEEDED');
    await rig.freed(host);
  });

  it('does not count the time of a long step as idle', async () => {
    const { address } = await rig.start({ host: { stepMs: 150 }, limits: { idleTimeoutMs: 60 } });
    const call = new RawGrpcCall(await rig.connect(address));
    call.send({ open: OPEN });
    call.send({ step: zeroStep() });
    await expect.poll(() => call.replies.length, SOON).toBe(2);
    expect(call.replies[1]?.reply).toBe('result');
  });

  it('ends the session of a client that does not read its results', async () => {
    const { address, host } = await rig.start({
      host: { hiddenSize: 16_384, cacheTokens: 1_000 },
      limits: { idleTimeoutMs: 150 },
    });
    const call = new RawGrpcCall(await rig.connect(address, 0), { isReading: false });
    call.send({ open: { ...OPEN, hiddenSize: 16_384 } });
    call.send({ step: zeroStep({ hidden: { dtype: 'float32', shape: [1, 16_384], data: Buffer.alloc(65_536) } }) });
    await expect.poll(() => host.stepsRun, SOON).toBe(1);
    await rig.freed(host);
  });

  it('holds back a client that sends faster than the blocks compute', async () => {
    const hiddenSize = 65_536;
    const { address, host } = await rig.start({ host: { hiddenSize, stepMs: 5_000, cacheTokens: 10_000 } });
    const session = await rig.connect(address);
    const call = new RawGrpcCall(session);
    call.send({ open: { ...OPEN, hiddenSize, maxTokens: 1_000 } });
    for (let i = 0; i < 200; i += 1) {
      call.send({
        step: zeroStep({
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
    await rig.freed(host);
  });

  it('refuses sessions and streams beyond their limits, and takes new ones when some have ended', async () => {
    const { address, host } = await rig.start({ limits: { maxSessions: 2 } });
    const session = await rig.connect(address);
    const calls = [1, 2, 3].map(() => new RawGrpcCall(session));
    for (const call of calls) call.send({ open: OPEN });
    await calls[2]?.closed;
    expect(calls[2]?.failureCode).toBe('DSP_CACHE_FULL');
    expect(host.usage().sessions).toBe(2);
    for (const call of calls) call.stream.close();
    await rig.freed(host);
    await rig.stillServes(address);
  });

  it('lets an opening wait a moment for cache that a session gives back', async () => {
    const { address, host } = await rig.start({ host: { cacheTokens: 2 }, limits: { cacheWaitMs: 60_000 } });
    const connection = await rig.connect(address);
    const [first, second] = [new RawGrpcCall(connection), new RawGrpcCall(await rig.connect(address))];
    first.send({ open: OPEN });
    await expect.poll(() => first.replies, SOON).toMatchObject([{ reply: 'opened' }]);
    second.send({ open: OPEN });
    second.send({ step: zeroStep() });
    await sleep(20);
    expect(second.replies).toEqual([]);
    first.stream.end();
    await expect.poll(() => second.replies.map(({ reply }) => reply), SOON).toEqual(['opened', 'result']);
    second.stream.close();
    await rig.freed(host);
  });

  it('refuses it when none comes back in time, and forgets one that has gone meanwhile', async () => {
    const { address, host } = await rig.start({ host: { cacheTokens: 2 }, limits: { cacheWaitMs: 200 } });
    const connection = await rig.connect(address);
    const [first, second, gone] = [1, 2, 3].map(() => new RawGrpcCall(connection)) as [
      RawGrpcCall,
      RawGrpcCall,
      RawGrpcCall,
    ];
    first.send({ open: OPEN });
    await expect.poll(() => host.usage().sessions, SOON).toBe(1);
    second.send({ open: OPEN });
    gone.send({ open: OPEN });
    await sleep(20);
    gone.stream.close();
    await second.closed;
    expect(second.failureCode).toBe('DSP_CACHE_FULL');
    first.stream.end();
    await rig.freed(host);
    await rig.stillServes(address);
  });

  it('does not keep a finished stream whose client never ends it', async () => {
    const { address } = await rig.start({ limits: { maxSessions: 1 } });
    const session = await rig.connect(address);
    for (let i = 0; i < 5; i += 1) {
      const call = new RawGrpcCall(session);
      call.send({ open: { ...OPEN, maxTokens: 0 } });
      await call.closed;
      expect(call.failureCode).toBe('DSP_INVALID_ARGUMENT');
    }
  });

  it('frees the sessions of a client whose machine has vanished', async () => {
    const { address, port, host } = await rig.start({ limits: { pingIntervalMs: 50 } });
    const proxy = await TcpProxy.start({ targetPort: port });
    rig.onClose(() => proxy.close());
    const call = new RawGrpcCall(await rig.connect(proxy.address));
    call.send({ open: OPEN });
    await expect.poll(() => host.usage().sessions, SOON).toBe(1);
    await sleep(200);
    expect(host.usage().sessions).toBe(1);
    proxy.pause();
    await rig.freed(host);
    await rig.stillServes(address);
  });
});
