import { afterEach, describe, expect, it } from 'vitest';
import { GrpcChainRig, HIDDEN, ROW } from '../support/grpc-chain-rig.ts';

describe('gRPC chain transport with servers and networks that fail', () => {
  const rig = new GrpcChainRig();
  afterEach(() => rig.close());

  it('tells of a server that dies in the middle of a step, at once', async () => {
    const healthy = await rig.service();
    const dying = await rig.service({ stepMs: 60_000 });
    const session = await rig.open(rig.transport(), [healthy.address, dying.address], { stepTimeoutMs: 60_000 });
    const step = session.forward(ROW, 1, 1);
    setTimeout(() => void dying.close(), 30);
    const startMs = performance.now();
    await expect(step).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's1' });
    expect(performance.now() - startMs).toBeLessThan(10_000);
    await rig.freed(healthy.host);
  });

  it('tells of a connection that is cut, frees the cache there, and reaches the server again', async () => {
    const server = await rig.service({ stepMs: 20 });
    const proxy = await rig.proxyTo(server.port);
    const transport = rig.transport();
    const session = await rig.open(transport, [proxy.address]);
    const step = session.forward(ROW, 1, 1);
    setTimeout(() => proxy.cut(), 5);
    await expect(step).rejects.toMatchObject({ code: 'DSP_SERVER_LOST', serverId: 's0' });
    await rig.freed(server.host);
    const again = await rig.open(transport, [proxy.address]);
    expect(await again.forward(ROW, 1, 1)).toHaveLength(HIDDEN);
  });

  it('reaches a server that came back at its address within a second', async () => {
    const server = await rig.service();
    const transport = rig.transport();
    (await rig.open(transport, [server.address])).close();
    await server.close();
    await expect(rig.open(transport, [server.address])).rejects.toMatchObject({ code: 'DSP_SERVER_LOST' });
    await rig.service({}, server.port);
    await expect
      .poll(
        () =>
          rig.open(transport, [server.address]).then(
            () => 'open',
            (error: { code: string }) => error.code,
          ),
        { interval: 50, timeout: 10_000 },
      )
      .toBe('open');
  });

  it('gives up on a connection that falls silent in the middle of a step, and frees the other hops', async () => {
    const server = await rig.service();
    const proxy = await rig.proxyTo(server.port);
    const session = await rig.open(rig.transport(), [proxy.address], { stepTimeoutMs: 100 });
    await session.forward(ROW, 1, 1);
    proxy.pause();
    await expect(session.forward(ROW, 1, 1)).rejects.toMatchObject({ code: 'DSP_STEP_TIMEOUT', serverId: 's0' });
    proxy.resume();
    await rig.freed(server.host);
  });

  it('gives up on a connection that falls silent while opening', async () => {
    const server = await rig.service();
    const proxy = await rig.proxyTo(server.port);
    proxy.pause();
    await expect(rig.open(rig.transport(), [proxy.address], { stepTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'DSP_STEP_TIMEOUT',
      serverId: 's0',
    });
  });

  it('does not wait longer for a server whose answer trickles in', async () => {
    const hiddenSize = 16_384;
    const server = await rig.service({ hiddenSize });
    const proxy = await rig.proxyTo(server.port);
    const session = await rig.open(rig.transport(), [proxy.address], { stepTimeoutMs: 300, hiddenSize });
    proxy.throttle(2_000);
    const startMs = performance.now();
    await expect(session.forward(new Float32Array(hiddenSize), 1, 1)).rejects.toMatchObject({
      code: 'DSP_STEP_TIMEOUT',
    });
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
});
