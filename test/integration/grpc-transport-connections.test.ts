import { afterEach, describe, expect, it } from 'vitest';
import { GrpcChainRig, HIDDEN, ROW } from '../support/grpc-chain-rig.ts';

describe('connections of the gRPC chain transport', () => {
  const rig = new GrpcChainRig();
  afterEach(() => rig.close());

  it('opens another connection to a server that is busy, up to its limit, and uses them again', async () => {
    const server = await rig.service();
    const proxy = await rig.proxyTo(server.port);
    const transport = rig.transport({ streamsPerChannel: 2, maxChannelsPerServer: 3 });
    const open = (): Promise<{ close(): void }> => rig.open(transport, [proxy.address]);
    const sessions = [await open(), await open()];
    expect(proxy.accepted).toBe(1);
    sessions.push(await open(), await open());
    expect(proxy.accepted).toBe(2);
    for (let i = 0; i < 8; i += 1) sessions.push(await open());
    expect(proxy.accepted).toBe(3);
    for (const session of sessions) session.close();
    await rig.freed(server.host);
    for (let i = 0; i < 4; i += 1) (await open()).close();
    expect(proxy.accepted).toBe(3);
  });

  it('gives the connection up that was idle longest when there are servers beyond the limit', async () => {
    const servers = await Promise.all([rig.service(), rig.service(), rig.service()]);
    const proxies = await Promise.all(servers.map((server) => rig.proxyTo(server.port)));
    const transport = rig.transport({ maxServers: 2 });
    const reach = async (i: number): Promise<void> => (await rig.open(transport, [proxies[i]?.address ?? ''])).close();
    await reach(0);
    await reach(1);
    await reach(0);
    await reach(2);
    await reach(0);
    expect(proxies.map((proxy) => proxy.accepted)).toEqual([1, 1, 1]);
    await reach(1);
    expect(proxies.map((proxy) => proxy.accepted)).toEqual([1, 2, 1]);
  });

  it('keeps its connection to a server at which thousands of sessions end or are given up', async () => {
    const server = await rig.service();
    const proxy = await rig.proxyTo(server.port);
    const transport = rig.transport({ maxChannelsPerServer: 1 });
    const bystander = await rig.open(transport, [proxy.address]);
    for (let i = 0; i < 1_500; i += 1) {
      const session = await rig.open(transport, [proxy.address], { maxTokens: 2 });
      await session.forward(ROW, 1, 0);
      if (i % 2 === 0) session.forward(ROW, 1, 1).catch(() => {});
      session.close();
    }
    expect(await bystander.forward(ROW, 1, 1)).toHaveLength(HIDDEN);
    expect(proxy.accepted).toBe(1);
    bystander.close();
    await rig.freed(server.host);
  });
});
