import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmulatedModel, writeEmulatedModel } from './emulated-model.ts';
import { type EmulatedServer, type EmulatedSwarm, startEmulatedSwarm } from './emulated-swarm.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_MS = 30_000;
/** A server takes its span as soon as it is told: the plan is in force when nothing has changed for this long. */
const SETTLE_MS = 2_000;

export type ConfigSections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** `daisychain serve` as a process of its own, and a swarm of emulated servers that joined it. */
export class LiveDispatcher {
  readonly url: string;
  readonly model: EmulatedModel;
  readonly #child: ChildProcess;
  readonly #swarm: EmulatedSwarm;

  private constructor(url: string, model: EmulatedModel, child: ChildProcess, swarm: EmulatedSwarm) {
    this.url = url;
    this.model = model;
    this.#child = child;
    this.#swarm = swarm;
  }

  /** @param folder for the model and the configuration; the caller's to remove */
  static async start(
    folder: string,
    servers: readonly EmulatedServer[],
    speedUp: number,
    config: ConfigSections,
  ): Promise<LiveDispatcher> {
    const model = await writeEmulatedModel(join(folder, 'emulated-bloom'));
    const configFile = join(folder, 'config.json');
    const own = { model: { id: model.folder, session_tokens: model.sessionTokens } };
    await writeFile(configFile, JSON.stringify(merged(own, config)));
    const flags = ['--http-port', '0', '--grpc-port', '0', '--log-level', 'info', '--config', configFile];
    const child = spawn(process.execPath, [MAIN, 'serve', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Should this process be ended from outside.
    process.once('exit', () => child.kill('SIGKILL'));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-50_000);
        if (process.env['EMULATION_LOG'] !== undefined) process.stderr.write(text);
      });
    const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
      const endMs = performance.now() + START_MS;
      for (;;) {
        const found = pattern.exec(output);
        if (found !== null) return found;
        if (child.exitCode !== null || performance.now() > endMs) {
          child.kill('SIGKILL');
          throw new Error(`the dispatcher does not serve: ${output}`);
        }
        await sleep(50);
      }
    };
    const [, url = '', grpcAddress = ''] = await printed(/daisychain listens: HTTP (\S+), gRPC ([^;\s]+)/);
    const swarm = await startEmulatedSwarm(grpcAddress, model, servers, speedUp);
    await printed(/daisychain ready: /);
    await sleep(SETTLE_MS);
    return new LiveDispatcher(url, model, child, swarm);
  }

  /** One document of the operators' read model. */
  async admin<Document>(path: 'plan' | 'chains' | 'servers' | 'queue'): Promise<Document> {
    return (await (await fetch(`${this.url}/admin/v1/${path}`)).json()) as Document;
  }

  /** The sum of a metric's samples. @param label only those with this one */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** How late answers left on average, seconds of this machine: what it adds to what is emulated. */
  meanLagSeconds(): number {
    return this.#swarm.meanLagSeconds();
  }

  async stop(): Promise<void> {
    await this.#swarm.close();
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGINT');
    await exited;
  }
}

function merged(a: ConfigSections, b: ConfigSections): ConfigSections {
  const sections = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...sections].map((name) => [name, { ...a[name], ...b[name] }]));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
