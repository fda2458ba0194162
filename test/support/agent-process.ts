import { type ChildProcess, fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface AgentProcess {
  readonly child: ChildProcess;
  /** What the child sent over its channel. */
  readonly received: { readonly type: string; readonly address?: string }[];
  stderr(): string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** `daisychain agent` with the bundled model, as a process of its own. */
export function startAgent(
  dispatcher: string,
  flags: readonly string[] = [],
  options: { readonly withChannel?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): AgentProcess {
  const argv = [
    'agent',
    '--dispatcher',
    dispatcher,
    '--model',
    'tiny-austen',
    '--memory-bytes',
    '64MiB',
    '--server-id',
    'agent-1',
    ...flags,
  ];
  const env = { ...process.env, ...options.env };
  const child =
    options.withChannel === true
      ? fork(MAIN, argv, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [], env })
      : spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'ignore', 'pipe'], env });
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-20_000);
  });
  const received: { type: string; address?: string }[] = [];
  child.on('message', (message) => received.push(message as { type: string }));
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { child, received, stderr: () => text, exited };
}
