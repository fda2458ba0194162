import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PETALS_PYTHON = path.join(ROOT, '.cache/petals/venv/bin/python');
export const PETALS_RUNNER = path.join(ROOT, 'scripts/petals/run_server.py');

/** Blocks of the tests' swarms are named `tiny.0` to `tiny.5`. */
export const DHT_PREFIX = 'tiny';

const START_MS = 120_000;
const LOG_BYTES = 200_000;

export interface PetalsServerOptions {
  /** Folder of the model, and the prefix of its blocks' names; tiny-austen unless told otherwise. */
  readonly model?: { readonly folder: string; readonly dhtPrefix: string };
  /** `first:end`. */
  readonly blocks: string;
  /** Addresses to join; none begins a swarm. */
  readonly peers?: readonly string[];
  readonly cacheTokens?: number;
  readonly updatePeriodSeconds?: number;
  readonly inferenceMaxLength?: number;
  /** Where it listens, a free port unless told otherwise, and the port that it tells others. */
  readonly port?: number;
  readonly announcedPort?: number;
}

/** A real, unmodified PETALS server on loopback, in its own process group. */
export class PetalsServer {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #log: LogTail;
  readonly #folder: string;

  private constructor(address: string, child: ChildProcess, log: LogTail, folder: string) {
    this.address = address;
    this.#child = child;
    this.#log = log;
    this.#folder = folder;
  }

  static async start(options: PetalsServerOptions): Promise<PetalsServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'petals-server-'));
    const flags = [
      ...(options.peers === undefined ? ['--new_swarm'] : ['--initial_peers', ...options.peers]),
      ...['--block_indices', options.blocks, '--attn_cache_tokens', String(options.cacheTokens ?? 1024)],
      ...['--update_period', String(options.updatePeriodSeconds ?? 2)],
      ...(options.inferenceMaxLength === undefined
        ? []
        : ['--inference_max_length', String(options.inferenceMaxLength)]),
      ...(options.announcedPort === undefined
        ? []
        : ['--announce_maddrs', `/ip4/127.0.0.1/tcp/${options.announcedPort}`]),
      ...commonPetalsFlags(options.port ?? (await freePort()), folder, options.model?.dhtPrefix),
    ];
    const model = options.model?.folder ?? TINY_AUSTEN;
    const child = spawn(PETALS_PYTHON, [PETALS_RUNNER, model, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: petalsEnvironment(),
      detached: true,
    });
    const log = new LogTail();
    child.stderr?.on('data', (bytes: Buffer) => log.push(bytes));
    process.once('exit', () => killGroup(child, 'SIGKILL'));
    try {
      await log.waitFor(/ Started$/m, child);
    } catch (error) {
      killGroup(child, 'SIGKILL');
      throw error;
    }
    const address = /Running a server on \['([^']+)'/.exec(log.text)?.[1] ?? '';
    return new PetalsServer(address, child, log, folder);
  }

  get peerId(): string {
    return this.address.slice(this.address.lastIndexOf('/') + 1);
  }

  get log(): string {
    return this.#log.text;
  }

  /** Ends it in order: it announces itself as offline. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      killGroup(this.#child, 'SIGCONT');
      const exit = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGINT');
      const patience = setTimeout(() => killGroup(this.#child, 'SIGKILL'), 8_000);
      await exit;
      clearTimeout(patience);
    }
    killGroup(this.#child, 'SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Every process of the server, at once. */
  kill(): void {
    killGroup(this.#child, 'SIGKILL');
  }

  /** The main process alone: its handlers stay, accept data and never answer. */
  killMainProcess(): void {
    this.#child.kill('SIGKILL');
  }

  /** Hangs without a sign: connections stay open. */
  freeze(): void {
    killGroup(this.#child, 'SIGSTOP');
  }

  thaw(): void {
    killGroup(this.#child, 'SIGCONT');
  }
}

/** Flags of every server of these tests: no speed test, nothing that needs a network beyond loopback. */
export function commonPetalsFlags(port: number, folder: string, dhtPrefix = DHT_PREFIX): string[] {
  return [
    ...['--throughput', '10', '--skip_reachability_check', '--torch_dtype', 'float32', '--device', 'cpu'],
    ...['--num_handlers', '2', '--dht_prefix', dhtPrefix],
    ...['--host_maddrs', `/ip4/127.0.0.1/tcp/${port}`, '--identity_path', path.join(folder, 'identity')],
  ];
}

/** One thread each: several servers share the machine. */
export function petalsEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, OMP_NUM_THREADS: '1', PYTHONWARNINGS: 'ignore', HF_HUB_OFFLINE: '1' };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The whole group, and nothing when it has ended. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), signal);
  } catch {
    // It is gone.
  }
}

class LogTail {
  text = '';
  #onText: () => void = () => {};

  push(bytes: Buffer): void {
    this.text = (this.text + bytes.toString('utf8')).slice(-LOG_BYTES);
    this.#onText();
  }

  waitFor(pattern: RegExp, child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`the PETALS server ${why}:\n${this.text.slice(-3_000)}`));
      const timer = setTimeout(() => fail('did not start'), START_MS);
      child.once('exit', () => fail('ended'));
      this.#onText = () => {
        if (!pattern.test(this.text)) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
