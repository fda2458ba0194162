import { pino } from 'pino';
import { expect } from 'vitest';
import { type BlockServiceOptions, startBlockService } from '../../src/adapters/block-service/server.ts';
import type { ChannelPoolLimits } from '../../src/adapters/chain-transport/grpc/channel-pool.ts';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import type { ChainSession, ChainTransport, OpenChainRequest } from '../../src/application/ports/chain-transport.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from './memory-block-host.ts';
import { type BlockServerScript, startScriptedBlockServer } from './scripted-block-server.ts';
import { TcpProxy } from './tcp-proxy.ts';

export const HIDDEN = 4;
export const ROW = Float32Array.of(1, 2, 3, 4);

/** Chains over real sockets: services, scripted servers, and proxies in between. */
export class GrpcChainRig {
  readonly #cleanups: (() => unknown)[] = [];

  transport(limits: Partial<ChannelPoolLimits> = {}): ChainTransport {
    const transport = createGrpcTransport(limits);
    this.onClose(() => transport.close());
    return transport;
  }

  /** @param port 0 takes a free one */
  async service(
    options: MemoryBlockHostOptions = {},
    port = 0,
    doors: Pick<BlockServiceOptions, 'sessionToken' | 'tls'> = {},
  ) {
    const host = new MemoryBlockHost({ hiddenSize: HIDDEN, ...options });
    const listen = { host: '127.0.0.1', port };
    const started = await startBlockService({ host, listen, logger: pino({ enabled: false }), ...doors });
    this.onClose(() => started.close());
    const boundPort = Number(started.address.split(':')[1]);
    return { host, address: started.address, port: boundPort, close: () => started.close() };
  }

  async proxyTo(targetPort: number, delayMs = 0): Promise<TcpProxy> {
    const proxy = await TcpProxy.start({ targetPort, delayMs });
    this.onClose(() => proxy.close());
    return proxy;
  }

  async scripted(script: BlockServerScript): Promise<string> {
    const server = await startScriptedBlockServer(script);
    this.onClose(() => server.close());
    return server.address;
  }

  /** A session at servers s0, s1, ... of two blocks each. */
  open(
    transport: ChainTransport,
    addresses: readonly string[],
    overrides: Partial<OpenChainRequest> = {},
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
      ...overrides,
    };
    return transport.open(request, new AbortController().signal);
  }

  /** Every session at the host has ended. */
  async freed(host: MemoryBlockHost): Promise<void> {
    await expect.poll(() => host.usage().sessions, { interval: 5, timeout: 10_000 }).toBe(0);
  }

  onClose(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}
