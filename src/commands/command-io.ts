import type { Writable } from 'node:stream';

/** What a command may touch of the process; `main.ts` gives the real one, tests give buffers. */
export interface CommandIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** 0 done, 1 failed, 2 wrong usage or invalid input. */
  setExitCode(code: 0 | 1 | 2): void;
}

/** Wrong usage or invalid input: `main.ts` prints the message as one line and exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
