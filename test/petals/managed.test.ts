import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ManagedPetalsServer } from '../../src/adapters/petals-process/managed-petals-server.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { PetalsNetwork } from '../../src/adapters/wire/petals/petals-network.ts';
import { askServerInfo } from '../../src/adapters/wire/petals/server-info.ts';
import { openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { processesWith } from '../support/process-table.ts';
import { ServeProcess } from '../support/serve-process.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';
import { REFERENCE } from './support/greedy-run.ts';
import {
  commonPetalsFlags,
  DHT_PREFIX,
  freePort,
  PETALS_PYTHON,
  PETALS_RUNNER,
  petalsEnvironment,
} from './support/petals-server.ts';

const MODEL = { blockCount: 6, blockBytes: 1_624_320, cacheBytesPerTokenPerBlock: 768 };

describe('a PETALS server under an agent', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function scratchFolder(): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'managed-petals-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  it('moves in place, comes back after a crash with its blocks and identity, and leaves nothing behind', async () => {
    const folder = scratchFolder();
    const network = new PetalsNetwork();
    cleanups.push(() => network.close());
    let losses = 0;
    const server = new ManagedPetalsServer({
      python: PETALS_PYTHON,
      args: [
        PETALS_RUNNER,
        ...['--orders', TINY_AUSTEN, '--new_swarm', '--update_period', '2'],
        ...commonPetalsFlags(await freePort(), folder),
      ],
      env: petalsEnvironment(),
      dhtPrefix: DHT_PREFIX,
      model: MODEL,
      network,
      clock: systemClock,
      log: () => {},
      logLine: () => {},
      onLost: () => {
        losses += 1;
      },
    });
    cleanups.push(() => server.close());
    const [address = ''] = await server.start();
    server.reachedAt(address);
    const cacheTokens = async (block: number): Promise<number> =>
      (await askServerInfo(network, address, `${DHT_PREFIX}.${block}`, 5_000)).cacheTokensAvailable;

    await server.host({ firstBlock: 0, blockCount: 3 }, 3 * 500 * 768);
    expect(await cacheTokens(0)).toBe(3 * 500);
    await expect(cacheTokens(3)).rejects.toThrow();

    await server.host({ firstBlock: 2, blockCount: 4 }, 4 * 700 * 768);
    expect(server.hosted()).toEqual({ firstBlock: 2, blockCount: 4 });
    expect(await cacheTokens(5)).toBe(4 * 700);
    await expect(cacheTokens(1)).rejects.toThrow();

    const overtaken = server.host({ firstBlock: 0, blockCount: 2 }, 2 * 100 * 768);
    const last = server.host({ firstBlock: 4, blockCount: 2 }, 2 * 100 * 768);
    await expect(overtaken).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    await last;
    expect(await cacheTokens(4)).toBe(2 * 100);

    const before = processesWith(folder);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await expect.poll(() => server.hosted(), { timeout: 30_000 }).toBeUndefined();
    expect(losses).toBe(1);
    await expect
      .poll(() => server.hosted(), { timeout: 90_000, interval: 200 })
      .toEqual({ firstBlock: 4, blockCount: 2 });
    // The same peer id under the same address: the connection would be refused otherwise.
    expect(await cacheTokens(5)).toBe(2 * 100);

    await server.close();
    expect(processesWith(folder)).toEqual([]);
  }, 240_000);

  it('tells the reason when blocks cannot be loaded, and goes on to the next order', async () => {
    const folder = scratchFolder();
    const network = new PetalsNetwork();
    cleanups.push(() => network.close());
    const server = new ManagedPetalsServer({
      python: PETALS_PYTHON,
      args: [PETALS_RUNNER, '--orders', TINY_AUSTEN, '--new_swarm', ...commonPetalsFlags(await freePort(), folder)],
      env: petalsEnvironment(),
      dhtPrefix: DHT_PREFIX,
      model: MODEL,
      network,
      clock: systemClock,
      log: () => {},
      logLine: () => {},
      onLost: () => {},
    });
    cleanups.push(() => server.close());
    const [address = ''] = await server.start();
    server.reachedAt(address);
    await expect(server.host({ firstBlock: 5, blockCount: 3 }, 1_000_000)).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
    });
    await server.host({ firstBlock: 0, blockCount: 2 }, 1_000_000);
    expect(server.hosted()).toEqual({ firstBlock: 0, blockCount: 2 });
  });

  it('joins a dispatcher with an agent, answers, and is gone with it even when the agent is killed', async () => {
    const folder = scratchFolder();
    const model = await openLanguageModel(TINY_AUSTEN);
    const text = model.decode(REFERENCE.greedy_tokens);
    await model.close();
    const serve = new ServeProcess([]);
    cleanups.push(() => serve.stop());
    await expect.poll(() => serve.stdout, { timeout: 60_000 }).toMatch(/listens/);
    const grpc = /gRPC (\S+?)[,;]/.exec(serve.stdout)?.[1] ?? '';
    const start = (): AgentProcess =>
      startAgent(grpc, [
        ...['--memory-bytes', '20MB', '--backend', 'petals', '--petals-python', PETALS_PYTHON],
        ...['--', '--num_handlers', '2', '--device', 'cpu', '--identity_path', path.join(folder, 'identity')],
      ]);
    const first = start();
    cleanups.push(() => first.child.kill('SIGKILL'));
    await serve.ready(120_000);
    const ask = async (): Promise<unknown> => {
      const request = { model: 'default', prompt: REFERENCE.prompt_tokens, max_tokens: 60, temperature: 0 };
      return ((await (await serve.post('/v1/completions', request)).json()) as { choices?: { text: string }[] })
        .choices?.[0]?.text;
    };
    expect(await ask()).toBe(text);
    first.child.kill('SIGTERM');
    expect(await first.exited).toMatchObject({ code: 0 });
    expect(processesWith(folder)).toEqual([]);

    const second = start();
    await expect
      .poll(async () => (await fetch(`${serve.url}/readyz`)).status, { timeout: 120_000, interval: 200 })
      .toBe(200);
    expect(await ask()).toBe(text);
    second.child.kill('SIGKILL');
    await expect.poll(() => processesWith(folder), { timeout: 120_000, interval: 200 }).toEqual([]);
  }, 300_000);
});
