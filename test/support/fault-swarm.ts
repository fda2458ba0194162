import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ServeProcess } from './serve-process.ts';
import { TcpProxy } from './tcp-proxy.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Bytes of each server: three or four of the model's six blocks, and cache for some requests. */
const MEMORY_BYTES = [8_802_816, 8_606_208, 8_999_424, 8_409_600, 8_802_816];

/** A block server as a process of its own, whose data plane runs through a proxy. */
export class FaultyServer {
  readonly serverId: string;
  readonly proxy: TcpProxy;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  isStopped = false;
  #isGone = false;

  constructor(serverId: string, proxy: TcpProxy, child: ChildProcess) {
    this.serverId = serverId;
    this.proxy = proxy;
    this.child = child;
    this.exited = new Promise((resolve) =>
      child.once('exit', () => {
        this.#isGone = true;
        resolve();
      }),
    );
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    if (this.#isGone) return;
    this.child.kill(name);
    if (name === 'SIGSTOP') this.isStopped = true;
    if (name === 'SIGCONT') this.isStopped = false;
  }

  async close(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
    await this.proxy.close();
  }
}

interface ServerView {
  readonly server_id: string;
  readonly state: string;
  readonly sessions: number;
  readonly cache_bytes_free: number | null;
  readonly memory_bytes: number;
  readonly hosted: { readonly block_count: number } | null;
}

/** A dispatcher and block servers, all of them processes, with the times of faults shortened. */
export class FaultSwarm {
  readonly serve: ServeProcess;
  readonly servers = new Map<string, FaultyServer>();
  #grpcAddress = '';

  constructor(historyBytes: number) {
    this.serve = new ServeProcess([], {
      DAISYCHAIN_SWARM__STEP_TIMEOUT_SECONDS: '1',
      DAISYCHAIN_SWARM__EXCLUDE_SECONDS: '0.3',
      DAISYCHAIN_SWARM__HEARTBEAT_INTERVAL_SECONDS: '0.3',
      DAISYCHAIN_SWARM__LEASE_SECONDS: '1.5',
      DAISYCHAIN_SWARM__REPLAN_DEBOUNCE_SECONDS: '0.1',
      DAISYCHAIN_RECOVERY__MAX_WAIT_SECONDS: '20',
      DAISYCHAIN_RECOVERY__HISTORY_BYTES: String(historyBytes),
      DAISYCHAIN_OBSERVABILITY__LOG_LEVEL: 'info',
    });
  }

  static get size(): number {
    return MEMORY_BYTES.length;
  }

  async start(): Promise<void> {
    const address = /gRPC ([\d.]+:\d+)/;
    const isListening = (): boolean => address.test(this.serve.stdout);
    await until(isListening, 20_000, () => `no address: ${this.serve.stdout}`);
    this.#grpcAddress = address.exec(this.serve.stdout)?.[1] ?? '';
    await this.heal();
    await this.serve.ready(20_000);
  }

  /** Starts a server. @param index which memory it has */
  async add(serverId: string, index: number): Promise<FaultyServer> {
    const port = await freePort();
    const proxy = await TcpProxy.start({ targetPort: port });
    const flags = ['--dispatcher', this.#grpcAddress, '--model', 'tiny-austen', '--server-id', serverId];
    const child = spawn(
      process.execPath,
      [
        MAIN,
        'agent',
        ...flags,
        ...['--memory-bytes', String(MEMORY_BYTES[index % MEMORY_BYTES.length])],
        ...['--listen', `127.0.0.1:${port}`, '--advertise', proxy.address],
        ...['--declare-speed', '0.0002,0.0001,0.0005', '--log-level', 'error'],
      ],
      { stdio: 'ignore' },
    );
    const server = new FaultyServer(serverId, proxy, child);
    this.servers.set(serverId, server);
    return server;
  }

  /** Ends every fault, and resolves when the swarm is whole again: each server serves and nothing runs on it. */
  async heal(): Promise<void> {
    let seen: readonly ServerView[] = [];
    const isWhole = async (): Promise<boolean> => {
      await this.#repair();
      seen = await this.views();
      return (
        seen.length === MEMORY_BYTES.length &&
        seen.every(({ state, sessions, hosted }) => state === 'serving' && sessions === 0 && hosted !== null)
      );
    };
    await until(isWhole, 30_000, () => `the swarm does not become whole: ${JSON.stringify(seen)}`);
  }

  async #repair(): Promise<void> {
    for (const [serverId, server] of [...this.servers]) {
      server.proxy.resume();
      if (server.isStopped) server.signal('SIGCONT');
      if (server.isGone || serverId.startsWith('extra')) {
        await server.close();
        this.servers.delete(serverId);
      }
    }
    for (let i = 0; i < MEMORY_BYTES.length; i += 1) {
      if (!this.servers.has(`s${i}`)) await this.add(`s${i}`, i);
    }
  }

  async views(): Promise<readonly ServerView[]> {
    if (this.serve.url === '' && !/HTTP (\S+),/.test(this.serve.stdout)) return [];
    const url = this.serve.url || (/HTTP (\S+),/.exec(this.serve.stdout)?.[1] ?? '');
    const answer = await fetch(`${url}/admin/v1/servers`);
    return ((await answer.json()) as { servers: readonly ServerView[] }).servers;
  }

  async close(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.close()));
    this.serve.child.kill('SIGKILL');
    await this.serve.exited;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

export async function until(
  isSo: () => boolean | Promise<boolean>,
  limitMs: number,
  problem: () => string,
): Promise<void> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > limitMs) throw new Error(problem());
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
