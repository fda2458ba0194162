import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const RUNNER = fileURLToPath(new URL('../support/run-tests.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'daisychain-runner-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the runner over the given test files; returns its last line and exit code. */
function run(files: Record<string, string>): {
  readonly lastLine: string | undefined;
  readonly exitCode: number | null;
} {
  for (const [name, source] of Object.entries(files)) writeFileSync(path.join(folder, name), source);
  const result = spawnSync(process.execPath, [RUNNER, '--root', folder, '--globals'], {
    cwd: folder,
    encoding: 'utf8',
    // The tests of this run must not change how the inner run colours or reports.
    env: { ...process.env, VITEST: undefined, CI: '1' },
  });
  return { lastLine: result.stdout.trimEnd().split('\n').at(-1), exitCode: result.status };
}

describe('npm test', () => {
  it('ends with the numbers of passed and failed tests', () => {
    const source = `test('a', () => {}); test('b', () => { expect(1).toBe(1); }); test.skip('c', () => {});`;
    expect(run({ 'good.test.js': source })).toEqual({ lastLine: '2 passed, 0 failed, 1 skipped', exitCode: 0 });
  });

  it('fails with the count of failed tests and of files that do not load', () => {
    const outcome = run({
      'good.test.js': `test('a', () => {});`,
      'bad.test.js': `test('b', () => { expect(1).toBe(2); });`,
      'broken.test.js': `import './absent.js'; test('c', () => {});`,
    });
    expect(outcome).toEqual({ lastLine: '1 passed, 2 failed', exitCode: 1 });
  });

  it('fails when an error escapes every test', () => {
    const source = `test('a', async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise((r) => setTimeout(r, 50)); });`;
    expect(run({ 'late.test.js': source })).toEqual({ lastLine: '1 passed, 1 failed', exitCode: 1 });
  });

  it('fails when there is nothing to run', () => {
    expect(run({})).toEqual({ lastLine: '0 passed, 1 failed', exitCode: 1 });
  });
});
