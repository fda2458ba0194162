import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgressBar } from '../../../src/commands/progress-bar.ts';
import { buildPullCommand } from '../../../src/commands/pull.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

function run(args: readonly string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const io = {
    stdout,
    stderr,
    env: { DAISYCHAIN_OFFLINE: '1', DAISYCHAIN_CACHE_DIR: '/nowhere' },
    setExitCode: () => undefined,
  };
  const done = buildPullCommand(io).parseAsync(args, { from: 'user' });
  return { done, text: () => String(stdout.read() ?? ''), errors: () => String(stderr.read() ?? '') };
}

describe('daisychain pull', () => {
  it('says where a model is that needs no fetching', async () => {
    const { done, text } = run(['tiny-austen']);
    await done;
    expect(text()).toBe(`tiny-austen was already in ${TINY_AUSTEN}\n`);
  });

  it('writes the model for PETALS into an empty folder, and into no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pull-'));
    try {
      const target = join(folder, 'made');
      const { done, text } = run(['tiny-austen', '--petals-folder', target]);
      await done;
      expect(text()).toContain(`tiny-austen is written for PETALS in ${target}\n`);
      expect(readdirSync(target).sort()).toEqual(['config.json', 'model.safetensors']);
      await expect(run(['tiny-austen', '--petals-folder', target]).done).rejects.toThrow(
        `--petals-folder: ${target} is not empty`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('fails with the reason when the model cannot be had', async () => {
    await expect(run([]).done).rejects.toMatchObject({
      code: 'DSP_MODEL_NOT_FOUND',
      message: 'smollm2-135m-instruct is not in /nowhere, and nothing is fetched offline',
    });
  });
});

describe('createProgressBar', () => {
  it('draws on a terminal, once per change, and removes its line', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true });
    const bar = createProgressBar(stream);
    bar.show('file', 50e6, 100e6);
    bar.show('file', 50e6 + 1, 100e6);
    bar.clear();
    bar.clear();
    expect(String(stream.read())).toBe(
      `\r\u001b[Kfile [${'#'.repeat(15)}${'.'.repeat(15)}] 50 % 50 of 100 MB\r\u001b[K`,
    );
  });

  it('stays silent on anything else', () => {
    const stream = new PassThrough();
    const bar = createProgressBar(stream);
    bar.show('file', 1, 2);
    bar.clear();
    expect(stream.read()).toBeNull();
  });
});
