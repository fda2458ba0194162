import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc } from '@fast-check/vitest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BlockSession, BlockHost as Host } from '../../../src/application/ports/block-host.ts';
import type { ComputeRequest } from '../../../src/block-server/compute-messages.ts';
import { BlockHost, createBlockHost } from '../../../src/block-server/create-block-host.ts';
import type { DispatcherError } from '../../../src/domain/shared/errors.ts';
import { WorkerClient } from '../../../src/language-model/runtime/worker-client.ts';
import { openModelWeights } from '../../../src/language-model/weights/open-model-weights.ts';
import { safetensorsBytes } from '../../support/safetensors-bytes.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

const HIDDEN = 192;
const BLOCK_BYTES = 1_623_552;
const TOKEN_BYTES = 768;
const hidden = (tokens: number): Float32Array => Float32Array.from({ length: tokens * HIDDEN }, (_, i) => Math.sin(i));

async function settled(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

describe('a block host with every block', () => {
  const CACHE_BYTES = 6 * 400 * TOKEN_BYTES;
  let host: Host;
  beforeAll(async () => {
    host = await createBlockHost({ modelPath: TINY_AUSTEN, memoryBytes: 6 * BLOCK_BYTES + CACHE_BYTES });
    await host.host({ firstBlock: 0, blockCount: 6 }, CACHE_BYTES);
  });
  afterEach(() => settled(() => host.usage().sessions === 0));
  afterAll(async () => {
    await host?.close();
  });

  it('tells what it is', () => {
    expect(host).toMatchObject({
      modelId: 'tiny-austen',
      blockCount: 6,
      hiddenSize: HIDDEN,
      blockBytes: BLOCK_BYTES,
      cacheBytesPerTokenPerBlock: TOKEN_BYTES,
      weightsDigest: expect.stringMatching(/^sha256:/),
    });
    expect(host.hosted()).toEqual({ firstBlock: 0, blockCount: 6 });
    expect(host.usage()).toEqual({ cacheBytesFree: CACHE_BYTES, sessions: 0 });
  });

  it('returns as many of the last rows as asked for, whatever the chunks inside', async () => {
    const rows: Float32Array[] = [];
    for (const returnTokens of [150, 100, 1]) {
      const session = host.openSession({ firstBlock: 2, blockCount: 2 }, 150);
      const step = await session.step(hidden(150), 150, returnTokens);
      expect(step.hidden).toHaveLength(returnTokens * HIDDEN);
      expect(step.computeSeconds).toBeGreaterThan(0);
      rows.push(step.hidden);
      session.close();
      await settled(() => host.usage().sessions === 0);
    }
    expect(rows[1]).toEqual(rows[0]!.subarray(50 * HIDDEN));
    expect(rows[2]).toEqual(rows[0]!.subarray(149 * HIDDEN));
    const silent = host.openSession({ firstBlock: 2, blockCount: 2 }, 10);
    expect((await silent.step(hidden(3), 3, 0)).hidden).toHaveLength(0);
    silent.close();
  });

  it('leaves the caller its array and reads it at once', async () => {
    const session = host.openSession({ firstBlock: 0, blockCount: 1 }, 10);
    const input = hidden(2);
    const step = session.step(input, 2, 2);
    input.fill(Number.NaN);
    const { hidden: output } = await step;
    expect(output.every(Number.isFinite)).toBe(true);
    expect(input).toHaveLength(2 * HIDDEN);
    session.close();
  });

  it('runs the steps of a session in the order called, without waiting for the answers', async () => {
    const session = host.openSession({ firstBlock: 0, blockCount: 2 }, 30);
    const pieces = await Promise.all(
      [0, 1, 2].map((i) => session.step(hidden(30).slice(i * 10 * HIDDEN, (i + 1) * 10 * HIDDEN), 10, 10)),
    );
    const whole = host.openSession({ firstBlock: 0, blockCount: 2 }, 30);
    const { hidden: expected } = await whole.step(hidden(30), 30, 30);
    const joined = pieces.flatMap((piece) => [...piece.hidden]);
    for (const [i, value] of joined.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-3);
    session.close();
    whole.close();
  });

  it('refuses sessions that it has no cache for, and takes them when another ends', async () => {
    const first = host.openSession({ firstBlock: 0, blockCount: 6 }, 400);
    expect(host.usage()).toEqual({ cacheBytesFree: 0, sessions: 1 });
    expect(() => host.openSession({ firstBlock: 5, blockCount: 1 }, 1)).toThrow(
      expect.objectContaining({ code: 'DSP_CACHE_FULL' }),
    );
    first.close();
    await settled(() => host.usage().cacheBytesFree === CACHE_BYTES);
    host.openSession({ firstBlock: 5, blockCount: 1 }, 1).close();
  });

  it.each<[string, { firstBlock: number; blockCount: number }, number]>([
    ['DSP_INVALID_ARGUMENT', { firstBlock: -1, blockCount: 2 }, 10],
    ['DSP_INVALID_ARGUMENT', { firstBlock: 5, blockCount: 2 }, 10],
    ['DSP_INVALID_ARGUMENT', { firstBlock: 0, blockCount: 0 }, 10],
    ['DSP_INVALID_ARGUMENT', { firstBlock: 0.5, blockCount: 1 }, 10],
    ['DSP_INVALID_ARGUMENT', { firstBlock: 0, blockCount: 1 }, 0],
    ['DSP_INVALID_ARGUMENT', { firstBlock: 0, blockCount: 1 }, Number.NaN],
    ['DSP_CONTEXT_TOO_LONG', { firstBlock: 0, blockCount: 1 }, 513],
  ])('answers %s when a session asks for %j with %d tokens', (code, span, maxTokens) => {
    expect(() => host.openSession(span, maxTokens)).toThrow(expect.objectContaining({ code }));
    expect(host.usage().cacheBytesFree).toBe(CACHE_BYTES);
  });

  it('refuses steps that are malformed or exceed the reservation, and goes on', async () => {
    const session = host.openSession({ firstBlock: 0, blockCount: 1 }, 5);
    const refusal = (code: string) => ({ code });
    await expect(session.step(hidden(1), 0, 0)).rejects.toMatchObject(refusal('DSP_INVALID_ARGUMENT'));
    await expect(session.step(hidden(2), 1, 1)).rejects.toMatchObject(refusal('DSP_INVALID_ARGUMENT'));
    await expect(session.step(hidden(1), 1, 2)).rejects.toMatchObject(refusal('DSP_INVALID_ARGUMENT'));
    await expect(session.step(hidden(6), 6, 1)).rejects.toMatchObject(refusal('DSP_CONTEXT_TOO_LONG'));
    await session.step(hidden(4), 4, 1);
    await expect(session.step(hidden(2), 2, 1)).rejects.toMatchObject(refusal('DSP_CONTEXT_TOO_LONG'));
    await session.step(hidden(1), 1, 1);
    session.close();
    await expect(session.step(hidden(1), 1, 1)).rejects.toMatchObject(refusal('DSP_CANCELLED'));
  });

  it('rejects steps that wait when the session closes, and frees the cache once', async () => {
    const session = host.openSession({ firstBlock: 0, blockCount: 6 }, 400);
    const steps = [session.step(hidden(300), 300, 1), session.step(hidden(50), 50, 1)];
    const outcomes = Promise.allSettled(steps);
    session.close();
    session.close();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DSP_CANCELLED' } });
    }
    await settled(() => host.usage().sessions === 0);
    expect(host.usage()).toEqual({ cacheBytesFree: CACHE_BYTES, sessions: 0 });
  });

  it('gives all cache back after any order of opening, stepping and closing', async () => {
    const action = fc.record({
      kind: fc.constantFrom('open', 'step', 'close'),
      first: fc.integer({ min: 0, max: 5 }),
      count: fc.integer({ min: 1, max: 6 }),
      tokens: fc.integer({ min: 1, max: 150 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const open: { session: BlockSession; bytes: number }[] = [];
        const steps: Promise<unknown>[] = [];
        for (const { kind, first, count, tokens } of actions) {
          const chosen = open[first % Math.max(1, open.length)];
          if (kind === 'open') {
            try {
              const session = host.openSession({ firstBlock: first, blockCount: count }, tokens);
              open.push({ session, bytes: count * tokens * TOKEN_BYTES });
            } catch (error) {
              expect(['DSP_CACHE_FULL', 'DSP_INVALID_ARGUMENT']).toContain((error as { code: string }).code);
            }
          } else if (kind === 'step' && chosen !== undefined) {
            steps.push(chosen.session.step(hidden(count), count, 1).catch((error: unknown) => error));
          } else if (kind === 'close' && chosen !== undefined) {
            chosen.session.close();
            open.splice(first % open.length, 1);
          }
          const reserved = open.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(host.usage().cacheBytesFree).toBeLessThanOrEqual(CACHE_BYTES - reserved);
        }
        for (const { session } of open) session.close();
        await Promise.all(steps);
        await settled(() => host.usage().sessions === 0);
        expect(host.usage().cacheBytesFree).toBe(CACHE_BYTES);
      }),
      { numRuns: 25 },
    );
  });

  it('measures its speed in a moment', async () => {
    const speed = await host.measureSpeed();
    expect(speed.prefillSecondsPerTokenPerBlock).toBeGreaterThan(0);
    expect(speed.decodeSecondsPerTokenPerBlock).toBeGreaterThan(0);
    expect(speed.overheadSecondsPerBlock).toBeGreaterThanOrEqual(0);
    expect(speed.prefillSecondsPerTokenPerBlock).toBeLessThan(0.1);
  });
});

describe('a block host that moves', () => {
  const memoryBytes = 4 * BLOCK_BYTES + 100 * TOKEN_BYTES;
  let host: Host;
  beforeAll(async () => {
    host = await createBlockHost({ modelPath: TINY_AUSTEN, memoryBytes });
  });
  afterAll(async () => {
    await host?.close();
  });

  it('hosts nothing at first, and can measure its speed all the same', async () => {
    expect(host.hosted()).toBeUndefined();
    expect(() => host.openSession({ firstBlock: 0, blockCount: 1 }, 1)).toThrow(
      expect.objectContaining({ code: 'DSP_SPAN_NOT_HOSTED' }),
    );
    expect((await host.measureSpeed()).prefillSecondsPerTokenPerBlock).toBeGreaterThan(0);
    expect(host.hosted()).toBeUndefined();
  });

  it('waits for sessions on the blocks that go, and refuses new ones there at once', async () => {
    await host.host({ firstBlock: 0, blockCount: 4 }, 100 * TOKEN_BYTES);
    const session = host.openSession({ firstBlock: 0, blockCount: 2 }, 20);
    let isDone = false;
    const move = host.host({ firstBlock: 2, blockCount: 4 }, 0).then(() => {
      isDone = true;
    });
    expect(host.hosted()).toEqual({ firstBlock: 2, blockCount: 2 });
    expect(() => host.openSession({ firstBlock: 1, blockCount: 1 }, 1)).toThrow(
      expect.objectContaining({ code: 'DSP_SPAN_NOT_HOSTED' }),
    );
    await session.step(hidden(20), 20, 1);
    expect(isDone).toBe(false);
    session.close();
    await move;
    expect(host.hosted()).toEqual({ firstBlock: 2, blockCount: 4 });
  });

  it('gives up a move when a later one supersedes it', async () => {
    const first = host.host({ firstBlock: 0, blockCount: 4 }, 0);
    const second = host.host({ firstBlock: 1, blockCount: 2 }, 0);
    await expect(first).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await second;
    expect(host.hosted()).toEqual({ firstBlock: 1, blockCount: 2 });
    await host.host({ firstBlock: 0, blockCount: 0 }, 0);
    expect(host.hosted()).toBeUndefined();
  });

  it.each<[{ firstBlock: number; blockCount: number }, number]>([
    [{ firstBlock: 0, blockCount: 5 }, 0],
    [{ firstBlock: 0, blockCount: 4 }, 101 * TOKEN_BYTES],
    [{ firstBlock: 3, blockCount: 4 }, 0],
    [{ firstBlock: 0, blockCount: 1 }, -1],
  ])('refuses to host %j with %d bytes of cache', async (span, cacheBytes) => {
    await expect(host.host(span, cacheBytes)).rejects.toMatchObject({ code: 'DSP_INVALID_ARGUMENT' });
  });

  it('rejects everything that waits when it is closed', async () => {
    const closing = await createBlockHost({ modelPath: TINY_AUSTEN, memoryBytes });
    await closing.host({ firstBlock: 0, blockCount: 2 }, 100 * TOKEN_BYTES);
    const session = closing.openSession({ firstBlock: 0, blockCount: 2 }, 50);
    const step = session.step(hidden(50), 50, 1);
    const move = closing.host({ firstBlock: 2, blockCount: 4 }, 0);
    const closed = closing.close();
    await expect(step).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await expect(move).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await closed;
    await closing.close();
    expect(closing.hosted()).toBeUndefined();
    await expect(closing.host({ firstBlock: 0, blockCount: 1 }, 0)).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
  });
});

describe('a block host with bad weights', () => {
  const folder = mkdtempSync(join(tmpdir(), 'block-host-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('names what is missing when it should load it', async () => {
    const path = join(folder, 'empty');
    cpSync(TINY_AUSTEN, path, { recursive: true });
    writeFileSync(join(path, 'model.safetensors'), safetensorsBytes({}, new Uint8Array(0)));
    const host = await createBlockHost({ modelPath: path, memoryBytes: 1e8 });
    await expect(host.host({ firstBlock: 3, blockCount: 1 }, 0)).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      param: 'model.layers.3.input_layernorm.weight',
    });
    expect(host.hosted()).toBeUndefined();
    await host.close();
  });

  it('fails to start without a model', async () => {
    await expect(createBlockHost({ modelPath: folder, memoryBytes: 1e8 })).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
    });
    await expect(createBlockHost({ modelPath: TINY_AUSTEN, memoryBytes: -1 })).rejects.toMatchObject({
      code: 'DSP_INVALID_ARGUMENT',
      param: 'memoryBytes',
    });
  });
});

describe('a block host whose thread dies', () => {
  it('reports it once, rejects what waits and what follows, and counts no session any more', async () => {
    const failures: DispatcherError[] = [];
    const compute = new WorkerClient<ComputeRequest>(
      new URL('../../fixtures/workers/failing-compute-worker.ts', import.meta.url),
      'block compute',
      (error) => failures.push(error),
    );
    const weights = await openModelWeights(TINY_AUSTEN);
    const host: Host = new BlockHost(
      { id: 'tiny-austen', config: weights.config, dtype: 'float32', weightsDigest: 'sha256:x' },
      6 * BLOCK_BYTES,
      compute,
    );
    await weights.close();
    await host.host({ firstBlock: 0, blockCount: 4 }, 100 * TOKEN_BYTES);
    const session = host.openSession({ firstBlock: 0, blockCount: 4 }, 20);
    const steps = await Promise.allSettled([session.step(hidden(2), 2, 1), session.step(hidden(1), 1, 1)]);
    for (const step of steps) expect(step).toMatchObject({ status: 'rejected', reason: { code: 'DSP_INTERNAL' } });
    expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining('out of memory') })]);
    expect(host.hosted()).toBeUndefined();
    expect(() => host.openSession({ firstBlock: 0, blockCount: 1 }, 1)).toThrow(
      expect.objectContaining({ code: 'DSP_SPAN_NOT_HOSTED' }),
    );
    session.close();
    await settled(() => host.usage().sessions === 0);
    await expect(host.host({ firstBlock: 0, blockCount: 6 }, 0)).rejects.toMatchObject({ code: 'DSP_INTERNAL' });
    await host.close();
    expect(failures).toHaveLength(1);
  });
});
