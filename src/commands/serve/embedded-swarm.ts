import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { WeightsDtype } from '../../domain/model/weights-dtype.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';

export interface EmbeddedSwarmOptions {
  /** One budget a server, bytes. */
  readonly memoryBudgets: readonly number[];
  /** Where the servers join, `host:port`. */
  readonly dispatcherAddress: string;
  readonly model: string;
  readonly dtype: WeightsDtype;
  readonly logLevel: string;
  /** Shown when the dispatcher asks for one; travels in the environment, where `ps` does not show it. */
  readonly joinToken: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A server ended that nobody asked to. */
  readonly onExit: (serverId: string, code: number | null, signal: string | null) => void;
}

export interface EmbeddedSwarm {
  /** Ends every server: asks first, kills what is left after `graceMs`. Resolves when none is left. */
  stop(graceMs: number): Promise<void>;
}

interface Server {
  readonly id: string;
  readonly child: ChildProcess;
}

/** `main.ts` beside this file's folder's parent, or `main.js` where the sources were compiled. */
const MAIN = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../main.ts' : '../../main.js', import.meta.url),
);

/**
 * Block servers as child processes, each the very command that a server owner would run. They start
 * together and measure their speed one after the other, since they share this machine's processors. A
 * child leaves when the channel to this process closes, so none outlives the dispatcher however it ends.
 */
export function startEmbeddedSwarm(options: EmbeddedSwarmOptions): EmbeddedSwarm {
  const turns = new MeasuringTurns();
  let isStopping = false;
  const servers = options.memoryBudgets.map((memoryBytes, index): Server => {
    const id = `embedded-${index + 1}`;
    const child = startServer(id, memoryBytes, options);
    turns.add(child);
    child.on('error', (error) => {
      throw new DispatcherError('DSP_INTERNAL', `the embedded server ${id} could not be started: ${error.message}`, {
        cause: error,
      });
    });
    child.on('exit', (code, signal) => {
      if (!isStopping) options.onExit(id, code, signal);
    });
    return { id, child };
  });
  return {
    stop: (graceMs) => {
      isStopping = true;
      return stopAll(servers, graceMs);
    },
  };
}

function startServer(id: string, memoryBytes: number, options: EmbeddedSwarmOptions): ChildProcess {
  const { dispatcherAddress, model, dtype, logLevel, joinToken, env } = options;
  const args = ['agent', '--backend', 'builtin', '--dispatcher', dispatcherAddress, '--server-id', id];
  args.push('--memory-bytes', String(memoryBytes), '--model', model, '--dtype', dtype, '--log-level', logLevel);
  return fork(MAIN, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...env, ...(joinToken === undefined ? {} : { DAISYCHAIN_JOIN_TOKEN: joinToken }) },
    // Signals from the terminal reach the dispatcher alone, which then stops the servers in order.
    detached: true,
  });
}

/** Lets one child at a time measure, once all of them are up, and all of them join when the last has measured. */
class MeasuringTurns {
  readonly #starting = new Set<ChildProcess>();
  readonly #waiting: ChildProcess[] = [];
  readonly #measured: ChildProcess[] = [];
  #measuring: ChildProcess | undefined;

  add(child: ChildProcess): void {
    this.#starting.add(child);
    child.on('message', (message) => {
      const type = (message as { type?: unknown } | null)?.type;
      if (type === 'ready-to-measure') this.#enqueue(child);
      else if (type === 'measured') {
        this.#measured.push(child);
        this.#finish(child);
      }
    });
    child.on('exit', () => this.#finish(child));
  }

  #enqueue(child: ChildProcess): void {
    this.#starting.delete(child);
    this.#waiting.push(child);
    this.#next();
  }

  #finish(child: ChildProcess): void {
    this.#starting.delete(child);
    const at = this.#waiting.indexOf(child);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#measuring === child) this.#measuring = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#measuring !== undefined || this.#starting.size > 0) return;
    const child = this.#waiting.shift();
    if (child === undefined) {
      for (const measured of this.#measured.splice(0)) measured.send({ type: 'join' }, () => undefined);
      return;
    }
    this.#measuring = child;
    child.send({ type: 'measure' }, (error) => {
      if (error !== null) this.#finish(child);
    });
  }
}

async function stopAll(servers: readonly Server[], graceMs: number): Promise<void> {
  await Promise.all(servers.map(({ child }) => stopOne(child, graceMs)));
}

function stopOne(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
