import { afterEach, describe, expect, it } from 'vitest';
import { GrpcChainRig } from '../support/grpc-chain-rig.ts';

describe('gRPC chain transport with prompts of megabytes', () => {
  const rig = new GrpcChainRig();
  afterEach(() => rig.close());

  it('sends a prompt of several messages of 1 MiB in parts, in order', async () => {
    const hiddenSize = 8_192;
    const tokens = 100;
    const first = await rig.service({ hiddenSize });
    const second = await rig.service({ hiddenSize });
    const session = await rig.open(rig.transport(), [first.address, second.address], { hiddenSize, maxTokens: tokens });
    const hidden = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => i % 1_000);
    const output = await session.forward(hidden, tokens, 40);
    expect(output.length).toBe(40 * hiddenSize);
    expect(output.every((value, i) => value === (hidden[(tokens - 40) * hiddenSize + i] ?? 0) + 6)).toBe(true);
    expect(first.host.stepsRun).toBe(4);
    session.close();
    await rig.freed(first.host);
  });

  it('carries 8 MiB over a round trip of 100 ms without one for each 64 kB', async () => {
    const hiddenSize = 8_192;
    const tokens = 256;
    const server = await rig.service({ hiddenSize });
    const proxy = await rig.proxyTo(server.port, 50);
    const session = await rig.open(rig.transport(), [proxy.address], {
      hiddenSize,
      maxTokens: tokens + 1,
      stepTimeoutMs: 5_000,
    });
    const startMs = performance.now();
    const output = await session.forward(new Float32Array(tokens * hiddenSize), tokens, tokens);
    const elapsedMs = performance.now() - startMs;
    expect(output.length).toBe(tokens * hiddenSize);
    expect(elapsedMs).toBeGreaterThan(100);
    expect(elapsedMs).toBeLessThan(5_000);
  });
});
