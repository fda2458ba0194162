import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = `${ROOT}src/main.ts`;
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** A module that Node runs before the program. */
const preload = (source: string): string[] => ['--import', `data:text/javascript,${encodeURIComponent(source)}`];

function run(
  args: readonly string[],
  options: { readonly nodeArgs?: readonly string[]; readonly input?: string } = {},
) {
  const result = spawnSync(process.execPath, [...(options.nodeArgs ?? []), MAIN, ...args], {
    encoding: 'utf8',
    input: options.input ?? '',
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
    timeout: 15_000,
  });
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr };
}

const SWARM = JSON.stringify({
  model: { id: 'm', block_count: 2, block_bytes: 10, cache_bytes_per_block: 1 },
  arrival_rate_per_second: 0.01,
  max_load: 0.7,
  servers: [{ id: 'a', memory_bytes: 100, communication_seconds: 1, computation_seconds_per_block: 1 }],
});

describe('the daisychain program', () => {
  it('prints its version and exits 0', () => {
    expect(run(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('prints its help to stdout when asked, and to stderr with exit code 2 when no command is named', () => {
    const asked = run(['--help']);
    const unasked = run([]);
    expect(asked).toMatchObject({ exitCode: 0, stderr: '' });
    expect(unasked).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unasked.stderr).toBe(asked.stdout);
  });

  it('answers wrong usage with one line on stderr and exit code 2', () => {
    const { exitCode, stdout, stderr } = run(['plan', '--no-such-flag']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^daisychain: unknown option '--no-such-flag'.*\n$/);
  });

  it('answers a wrong configuration with one line on stderr and exit code 2', () => {
    const { exitCode, stdout, stderr } = run(['serve', '--http-port', 'eighty']);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'daisychain: http.port in --http-port: must be a whole number, not "eighty"\n',
    });
  });

  it('answers a failure with one line on stderr and exit code 1', () => {
    const { exitCode, stdout, stderr } = run(['serve', '--model', 'no-such-model']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^daisychain: .*no-such-model.*\n$/);
  });

  it('plans from standard input', () => {
    const { exitCode, stdout, stderr } = run(['plan', '-', '--json'], { input: SWARM });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ feasible: true, total_slots: expect.any(Number) });
  });

  it('loads neither gRPC nor the HTTP server to plan', () => {
    const list = `import module from 'node:module';
      module.registerHooks({ resolve(name, context, next) { const found = next(name, context); process.stderr.write(found.url + '\\n'); return found; } });`;
    const { stderr } = run(['plan', '-'], { input: SWARM, nodeArgs: preload(list) });
    expect(stderr).toContain('/src/commands/plan.ts');
    expect(stderr).not.toMatch(/grpc|fastify|onnxruntime|commands\/(?:serve|agent)/);
  });

  it.each([
    ['an exception that nothing catches', `setTimeout(() => { throw new Error('lost its way'); }, 400);`],
    ['a rejection that nothing handles', `setTimeout(() => Promise.reject(new Error('lost its way')), 400);`],
  ])('reports %s as a bug, with its stack, and exits 1', async (_, source) => {
    const child = spawn(process.execPath, [...preload(source), MAIN, 'plan', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    // The command waits for an input that never ends.
    child.stdin.write('{');
    const [stderr, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^daisychain: this is a bug in daisychain.*\nError: lost its way\n {4}at /);
  });

  it('is content with a reader that leaves early', async () => {
    const child = spawn(process.execPath, [MAIN, 'plan', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdout.destroy();
    child.stdin.end(SWARM);
    const [stderr, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('says which Node it needs when it runs on an older one', () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.0' } });`;
    const { exitCode, stdout, stderr } = run(['--version'], { nodeArgs: preload(older) });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^daisychain: needs Node 24 or newer, .*\n$/);
  });
});

describe('npm run daisychain', () => {
  it('passes SIGTERM on to the program, so that nothing is left behind', async () => {
    const args = ['run', '-s', 'daisychain', '--', 'serve', '--http-port', '0', '--grpc-port', '0'];
    const npm = spawn('npm', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      let output = '';
      for await (const chunk of npm.stdout) {
        output += String(chunk);
        if (output.includes('\n')) break;
      }
      const url = /HTTP (http:\S+?),/.exec(output)?.[1];
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      npm.kill('SIGTERM');
      await once(npm, 'exit');
      await vi.waitFor(() => expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed'), { timeout: 10_000 });
    } finally {
      npm.kill('SIGKILL');
    }
  });
});
