import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface PetalsProcessOptions {
  readonly python: string;
  /** Arguments of the interpreter: the runner, its flags, and those of PETALS. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Lines that PETALS logs. */
  readonly onLog: (line: string) => void;
  readonly onEvent: (event: RunnerEvent) => void;
  /** The process and all it started are gone. */
  readonly onExit: (reason: string) => void;
}

/** What `scripts/petals/run_server.py` tells. */
export type RunnerEvent =
  | { readonly event: 'started'; readonly addresses: readonly string[] }
  | { readonly event: 'ready'; readonly epoch: number }
  | { readonly event: 'failed'; readonly epoch: number; readonly reason: string };

/** Longest line that is looked at, characters. */
const MAX_LINE_LENGTH = 10_000;

/** How long a server may take to end in order, ms. */
const STOP_MS = 12_000;

const EVENT_PREFIX = 'daisychain ';

/**
 * One run of a PETALS server in a process group of its own. Nothing of it survives: the runner ends
 * when its standard input does, and the group is killed when the runner has ended.
 */
export class PetalsProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(options: PetalsProcessOptions) {
    this.#child = spawn(options.python, options.args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env,
      detached: true,
    });
    const { stdout, stderr, stdin } = this.#child;
    // A write to a runner that has just ended is told by its exit.
    stdin?.on('error', () => {});
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) => {
        const event = line.length <= MAX_LINE_LENGTH ? eventOf(line) : undefined;
        if (event !== undefined) options.onEvent(event);
        else options.onLog(line.slice(0, MAX_LINE_LENGTH));
      });
    if (stderr !== null)
      createInterface({ input: stderr }).on('line', (line) => options.onLog(line.slice(0, MAX_LINE_LENGTH)));
    this.#exited = new Promise((resolve) => {
      let isOver = false;
      const end = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        this.#killGroup();
        options.onExit(reason);
        resolve();
      };
      this.#child.once('error', (error) => end(`it could not be started: ${error.message}`));
      this.#child.once('exit', (code, signal) => end(`it ended with ${signal ?? `exit code ${code}`}`));
    });
  }

  /** Writes one order. */
  order(order: Readonly<Record<string, number>>): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** Ends it in order, its blocks announced as offline; by force after 12 s. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      this.#child.kill('SIGINT');
      const patience = setTimeout(() => this.#killGroup(), STOP_MS);
      await this.#exited;
      clearTimeout(patience);
    }
    this.#killGroup();
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Nothing is left of it.
    }
  }
}

function eventOf(line: string): RunnerEvent | undefined {
  if (!line.startsWith(EVENT_PREFIX)) return undefined;
  try {
    return JSON.parse(line.slice(EVENT_PREFIX.length)) as RunnerEvent;
  } catch {
    return undefined;
  }
}
