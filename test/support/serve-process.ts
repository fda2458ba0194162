import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childrenOf } from './process-table.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** `daisychain serve` as a process of its own. */
export class ServeProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout = '';
  stderr = '';
  #url = '';

  constructor(flags: readonly string[] = ['--embedded-swarm'], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(
      process.execPath,
      [MAIN, 'serve', '--http-port', '0', '--grpc-port', '0', '--model', 'tiny-austen', ...flags],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...env },
      },
    );
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-20_000);
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-100_000);
    });
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
  }

  /** Resolves with the milliseconds it took until the ready line. */
  async ready(limitMs: number): Promise<number> {
    const startMs = performance.now();
    while (!/^daisychain ready: /m.test(this.stdout)) {
      if (performance.now() - startMs > limitMs || this.child.exitCode !== null)
        throw new Error(`not ready: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#url = /HTTP (\S+),/.exec(this.stdout)?.[1] ?? '';
    return performance.now() - startMs;
  }

  get url(): string {
    return this.#url;
  }

  /** Process ids of its children. */
  children(): number[] {
    return childrenOf(this.child.pid ?? 0).map(({ pid }) => pid);
  }

  /** Process id of an embedded server. */
  serverProcess(serverId: string): number {
    const found = childrenOf(this.child.pid ?? 0).find(({ command }) => command.includes(`--server-id ${serverId} `));
    if (found === undefined) throw new Error(`${serverId} does not run`);
    return found.pid;
  }

  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      ...init,
    });
  }

  /** Ids of the servers that a request, running or not, was given last, in the order of the blocks. */
  async serversOf(answer: Response): Promise<string[]> {
    const requestId = answer.headers.get('x-request-id') ?? '';
    const story = await (await fetch(`${this.url}/admin/v1/requests/${requestId}`)).json();
    const { chains } = story as { chains: readonly { readonly hops: readonly { readonly server_id: string }[] }[] };
    return chains.at(-1)?.hops.map(({ server_id }) => server_id) ?? [];
  }

  async metric(prefix: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(prefix));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** SIGINT; resolves with the exit code and how long it took, ms. */
  async stop(): Promise<{ code: number | null; tookMs: number }> {
    const startMs = performance.now();
    this.child.kill('SIGINT');
    const code = await this.exited;
    return { code, tookMs: performance.now() - startMs };
  }
}
