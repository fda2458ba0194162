import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { createGrpcTransport } from '../../src/adapters/chain-transport/grpc/transport.ts';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { FakeRegistry, type FakeRegistryOptions } from '../support/fake-registry.ts';

const DECLARED = ['--declare-speed', '0.0001,0.00001,0.0001'];
const SOON = { interval: 20, timeout: 10_000 };
/** Of the bundled model. */
const HIDDEN = 192;
const PARENT = fileURLToPath(new URL('../support/agent-parent.ts', import.meta.url));

describe('daisychain agent', () => {
  const registries: FakeRegistry[] = [];
  const children: ChildProcess[] = [];

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const registry of registries.splice(0)) await registry.close();
  });

  async function registryWith(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const registry = await FakeRegistry.start(options);
    registries.push(registry);
    return registry;
  }

  function agent(
    dispatcher: string,
    flags: readonly string[] = DECLARED,
    options: { withChannel?: boolean } = {},
  ): AgentProcess {
    const started = startAgent(dispatcher, flags, options);
    children.push(started.child);
    return started;
  }

  async function joined(registry: FakeRegistry, count = 1): Promise<void> {
    await expect.poll(() => registry.hellos.length, SOON).toBe(count);
  }

  it('joins, sends heartbeats, hosts the span it is given, serves it, and leaves when told to stop', async () => {
    const registry = await registryWith();
    const process1 = agent(registry.address, [...DECLARED, '--label', 'site=lab', '--join-token', 'secret']);
    await joined(registry);
    const hello = registry.hellos[0];
    expect(hello).toMatchObject({
      serverId: 'agent-1',
      modelId: 'tiny-austen',
      protocol: 'grpc',
      memoryBytes: 67_108_864,
      pinned: false,
      labels: { site: 'lab' },
      joinToken: 'secret',
      dtype: 'float32',
    });
    expect(hello?.hosted).toBeUndefined();
    expect(hello?.performance?.rttSeconds).toBeGreaterThan(0);
    expect(hello?.weightsDigest).not.toBe('');

    registry.send({ hostSpan: { planEpoch: 7, span: { firstBlock: 0, blockCount: 2 }, cacheBytes: 2_000_000 } });
    await expect
      .poll(() => registry.messages.flatMap((message) => message.spanReady ?? []), SOON)
      .toEqual([{ planEpoch: 7, span: { firstBlock: 0, blockCount: 2 } }]);
    await expect.poll(() => registry.messages.filter((message) => message.heartbeat).length, SOON).toBeGreaterThan(1);

    const transport = createGrpcTransport();
    const { address = '', sessionToken } = hello ?? {};
    expect(sessionToken).toMatch(/^[\w-]{22}$/);
    const hop = { serverId: 'agent-1', address, sessionToken, firstBlock: 0, blockCount: 2 };
    const session = await transport.open(
      {
        sessionId: 'session',
        modelId: 'tiny-austen',
        hiddenSize: HIDDEN,
        planEpoch: 7,
        hops: [hop],
        maxTokens: 8,
        stepTimeoutMs: 5_000,
      },
      new AbortController().signal,
    );
    const output = await session.forward(new Float32Array(3 * HIDDEN).fill(0.1), 3, 1);
    expect(output).toHaveLength(HIDDEN);
    expect(session.hopTimings()[0]?.computeSeconds).toBeGreaterThan(0);
    session.close();
    await transport.close();

    process1.child.kill('SIGTERM');
    await expect.poll(() => registry.messages.some((message) => message.leaving), SOON).toBe(true);
    registry.send({ drained: {} });
    expect(await process1.exited).toEqual({ code: 0, signal: null });
  });

  it('joins again with its blocks when the dispatcher restarts', async () => {
    const first = await registryWith();
    agent(first.address);
    await joined(first);
    first.send({ hostSpan: { planEpoch: 9, span: { firstBlock: 1, blockCount: 2 }, cacheBytes: 1_000_000 } });
    await expect.poll(() => first.messages.some((message) => message.spanReady), SOON).toBe(true);
    await first.close();

    const second = await registryWith({ port: first.port });
    await joined(second);
    expect(second.hellos[0]?.hosted).toEqual({ firstBlock: 1, blockCount: 2 });
    // The new dispatcher counts its epochs from the start.
    second.send({ hostSpan: { planEpoch: 1, span: { firstBlock: 1, blockCount: 2 }, cacheBytes: 1_000_000 } });
    await expect
      .poll(() => second.messages.flatMap((message) => message.spanReady?.planEpoch ?? []), SOON)
      .toEqual([1]);
  });

  it('reports a span that does not fit its memory', async () => {
    const registry = await registryWith();
    agent(registry.address);
    await joined(registry);
    registry.send({ hostSpan: { planEpoch: 1, span: { firstBlock: 0, blockCount: 1 }, cacheBytes: 2 ** 40 } });
    await expect
      .poll(() => registry.messages.flatMap((message) => message.spanFailed?.reason ?? []), SOON)
      .toHaveLength(1);
  });

  it.each([
    [status.FAILED_PRECONDITION, 'weights_digest: other weights', /refused this server: weights_digest: other weights/],
    [
      status.UNAUTHENTICATED,
      'join_token: it is not one of this swarm',
      /refused this server: join_token: it is not one of this swarm/,
    ],
    [status.INVALID_ARGUMENT, 'labels: too many', /labels: too many/],
    [status.UNIMPLEMENTED, 'unknown method', /gRPC port of a daisychain dispatcher/],
  ])('ends with one line when the dispatcher refuses it (status %i)', async (code, details, told) => {
    const registry = await registryWith({ refuse: { code, details } });
    const refused = agent(registry.address, [...DECLARED, '--log-level', 'silent']);
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr()).toMatch(told);
    expect(refused.stderr().trim().split('\n')).toHaveLength(1);
  });

  it('stops within two seconds when the dispatcher does not answer that it leaves', async () => {
    const registry = await registryWith();
    const process1 = agent(registry.address);
    await joined(registry);
    await expect.poll(() => registry.messages.some((message) => message.heartbeat), SOON).toBe(true);
    const startMs = performance.now();
    process1.child.kill('SIGINT');
    expect(await process1.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(8_000);
  });

  it('waits for its turn to measure and to join, and tells its supervisor where it is', async () => {
    const registry = await registryWith();
    const process1 = agent(registry.address, [], { withChannel: true });
    await expect.poll(() => process1.received, SOON).toEqual([{ type: 'ready-to-measure' }]);
    process1.child.send({ type: 'measure' });
    await expect
      .poll(() => process1.received.map((message) => message.type), SOON)
      .toEqual(['ready-to-measure', 'measured']);
    expect(registry.hellos).toHaveLength(0);
    process1.child.send({ type: 'join' });
    await expect
      .poll(() => process1.received.map((message) => message.type), SOON)
      .toEqual(['ready-to-measure', 'measured', 'joined']);
    expect(process1.received[2]?.address).toBe(registry.hellos[0]?.address);
    expect(registry.hellos[0]?.performance?.decodeSecondsPerTokenPerBlock).toBeGreaterThan(0);
  });

  it('does not outlive the process that started it', async () => {
    const registry = await registryWith();
    const parent = spawn(process.execPath, [PARENT, registry.address], { stdio: 'ignore' });
    children.push(parent);
    await joined(registry);
    parent.kill('SIGKILL');
    await expect.poll(() => isListening(registry.hellos[0]?.address ?? ''), SOON).toBe(false);
  });
});

/** A process that has ended may stay listed until somebody reaps it; its port is free at once. */
function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}
