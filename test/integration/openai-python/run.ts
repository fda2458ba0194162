/**
 * Checks the product with OpenAI's own Python package: starts a dispatcher with an embedded swarm,
 * makes a virtual environment under .cache (once), and runs check_api.py against it; then check_refusals.py
 * against one with a key and hardly any room.
 * Needs Python 3.9 or newer and its package index. Run: node test/integration/openai-python/run.ts
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const here = fileURLToPath(new URL('./', import.meta.url));
const wanted = readFileSync(`${here}requirements.txt`, 'utf8').trim();
const environment = `${root}.cache/openai-python-${wanted.replaceAll(/[^a-z0-9.]+/g, '-')}`;
const python = `${environment}/bin/python`;
const START_TIMEOUT_MS = 60_000;

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', timeout: 300_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

/** The HTTP address in the line that `serve` prints when it is ready. */
async function addressOf(output: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: output });
  const timer = setTimeout(() => lines.close(), START_TIMEOUT_MS);
  try {
    for await (const line of lines) {
      const address = /ready: .*?(http:\/\/[^\s,]+)/.exec(line)?.[1];
      if (address !== undefined) return address;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error('the dispatcher did not become ready');
}

/** Debian keeps what makes environments in a package of its own. */
function hasVenv(): boolean {
  const check = (): boolean => spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;
  if (check()) return true;
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false;
  spawnSync('apt-get', ['-qq', 'update'], { stdio: 'inherit', timeout: 120_000 });
  spawnSync('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'python3-venv'], { timeout: 300_000 });
  return check();
}

if (!existsSync(python)) {
  if (!hasVenv()) {
    console.log('not checked: there is no Python with venv on this machine');
    process.exit(0);
  }
  run('python3', ['-m', 'venv', environment]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', `${here}requirements.txt`]);
}
/** Starts a dispatcher, hands its address and process to the check, and stops it. */
async function checkAgainst(
  servers: number,
  environment: Readonly<Record<string, string>>,
  check: (address: string, process: number) => void,
): Promise<void> {
  const flags = ['--embedded-swarm', String(servers), '--model', 'tiny-austen', '--http-port', '0', '--grpc-port', '0'];
  const serve = spawn(process.execPath, [`${root}src/main.ts`, 'serve', ...flags, '--log-level', 'warn'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: root,
    env: { ...process.env, ...environment },
  });
  try {
    check(await addressOf(serve.stdout), serve.pid ?? 0);
  } finally {
    serve.kill('SIGTERM');
  }
}

await checkAgainst(2, {}, (address) => run(python, [`${here}check_api.py`, address]));
const KEY = 'key-of-the-only-client';
const narrow = {
  DAISYCHAIN_SCHEDULING__CACHE: 'slots',
  DAISYCHAIN_SCHEDULING__QUEUE_LIMIT: '1',
  DAISYCHAIN_PLANNER__RESERVED_SLOTS: '1',
  DAISYCHAIN_SECURITY__API_KEYS: KEY,
};
await checkAgainst(1, narrow, (address, pid) => run(python, [`${here}check_refusals.py`, address, KEY, String(pid)]));
