import type { ClientHttp2Session } from 'node:http2';
import { pino } from 'pino';
import { expect } from 'vitest';
import { type BlockServiceLimits, startBlockService } from '../../src/adapters/block-service/server.ts';
import type { OpenSession } from '../../src/adapters/wire/generated/daisychain/v1/OpenSession.ts';
import type { Step } from '../../src/adapters/wire/generated/daisychain/v1/Step.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from './memory-block-host.ts';
import { connectRaw, RawGrpcCall } from './raw-grpc-call.ts';

export const HIDDEN = 4;
export const SOON = { interval: 5, timeout: 10_000 };

/** An opening that the services of this rig accept. */
export const OPEN: OpenSession = {
  sessionId: 'session',
  modelId: 'test-model',
  blocks: { firstBlock: 0, blockCount: 2 },
  maxTokens: 8,
  dtype: 'float32',
  planEpoch: 1,
  hiddenSize: HIDDEN,
};

/** The first step of a session, of zeros. */
export function zeroStep(overrides: Partial<Step> = {}, rows = 1): Step {
  const hidden = { dtype: 'float32', shape: [rows, HIDDEN], data: Buffer.alloc(rows * HIDDEN * 4) };
  return { index: 0, position: 0, returnTokens: 1, hidden, ...overrides };
}

/** Block services over hosts in memory, and connections to them that follow no rules. */
export class BlockServiceRig {
  readonly #cleanups: (() => unknown)[] = [];

  async start(options: { host?: MemoryBlockHostOptions; limits?: Partial<BlockServiceLimits> } = {}) {
    const host = new MemoryBlockHost({ hiddenSize: HIDDEN, ...options.host });
    const listen = { host: '127.0.0.1', port: 0 };
    const logger = pino({ enabled: false });
    const service = await startBlockService({ host, listen, logger, limits: options.limits ?? {} });
    this.onClose(() => service.close());
    return { host, address: service.address, port: Number(service.address.split(':')[1]) };
  }

  async connect(address: string, window?: number): Promise<ClientHttp2Session> {
    const session = await connectRaw(address, window);
    this.onClose(() => session.destroy());
    return session;
  }

  /** Every session at the host has ended. */
  async freed(host: MemoryBlockHost): Promise<void> {
    await expect.poll(() => host.usage().sessions, SOON).toBe(0);
  }

  /** Proof that a service is well: a session on a new connection runs a step and ends in order. */
  async stillServes(address: string): Promise<void> {
    const call = new RawGrpcCall(await this.connect(address));
    call.send({ open: OPEN });
    call.send({ step: zeroStep() });
    call.stream.end();
    await call.closed;
    expect(call.replies.map((reply) => reply.reply)).toEqual(['opened', 'result']);
    expect(call.grpcStatus).toBe(0);
  }

  onClose(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}
