import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import { Command, InvalidArgumentError } from 'commander';
import { DispatcherError } from '../domain/shared/errors.ts';
import { type CommandIo, UsageError } from './command-io.ts';
import { readInputFile } from './input-file.ts';
import { readStatus } from './status-client.ts';
import { statusTable } from './status-report.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const DEFAULT_INTERVAL_SECONDS = 2;
const CLEAR_SCREEN = '\u001b[2J';
/** Written over what is there, so that the screen does not flicker. */
const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K\n';
const CLEAR_BELOW = '\u001b[J';

interface StatusFlags {
  readonly url: string;
  readonly json?: boolean;
  /** True: the default interval. */
  readonly watch?: number | true;
  readonly apiKeyFile?: string;
}

/**
 * `daisychain status`: servers, spans, chains, slots and queue of a running dispatcher. Exit code 1
 * when it does not answer; a dispatcher that answers is shown whether it is ready or not.
 * @param until ends `--watch`; without it the process's end does
 */
export function buildStatusCommand(io: CommandIo, until?: AbortSignal): Command {
  return new Command('status')
    .description('Shows servers, spans, chains, slots and queue of a running dispatcher.')
    .option('--url <url>', 'HTTP address of the dispatcher', parseUrl, DEFAULT_URL)
    .option('--json', 'print one JSON document')
    .option(
      '--watch [seconds]',
      `show it again and again (default every ${DEFAULT_INTERVAL_SECONDS} seconds), until interrupted`,
      parseInterval,
    )
    .option(
      '--api-key-file <file>',
      "file with an API key, where the dispatcher asks for one; '-' reads standard input",
    )
    .action(async (flags: StatusFlags) => {
      if (flags.json && flags.watch !== undefined)
        throw new UsageError('--json: prints one document; leave --watch out');
      const apiKey = flags.apiKeyFile === undefined ? undefined : await readKey(flags.apiKeyFile);
      if (flags.watch !== undefined) {
        await watch(io, flags.url, apiKey, flags.watch === true ? DEFAULT_INTERVAL_SECONDS : flags.watch, until);
        return;
      }
      const status = await readStatus(flags.url, apiKey);
      io.stdout.write(flags.json ? `${JSON.stringify(status)}\n` : statusTable(status, terminalOf(io)?.columns));
    });
}

/** A dispatcher that is away for a moment does not end the watch. */
async function watch(
  io: CommandIo,
  url: string,
  apiKey: string | undefined,
  seconds: number,
  until?: AbortSignal,
): Promise<void> {
  let isFirst = true;
  while (!until?.aborted) {
    const terminal = terminalOf(io);
    const text = await readStatus(url, apiKey).then(
      (status) => statusTable(status, terminal?.columns),
      (error: unknown) => {
        if (error instanceof DispatcherError && error.code === 'DSP_SERVER_LOST') return `${error.message}\n`;
        throw error;
      },
    );
    if (terminal === undefined) io.stdout.write(`${text}\n`);
    else io.stdout.write((isFirst ? CLEAR_SCREEN : '') + HOME + screenful(text, terminal.rows) + CLEAR_BELOW);
    isFirst = false;
    await sleep(seconds * 1_000, undefined, until === undefined ? {} : { signal: until }).catch(() => undefined);
  }
}

/** Lines that would scroll the screen are left out. */
function screenful(text: string, rows: number): string {
  const lines = text.trimEnd().split('\n');
  const room = Math.max(1, rows - 1);
  const shown =
    lines.length <= room ? lines : [...lines.slice(0, room - 1), `and ${lines.length - room + 1} more lines`];
  return shown.map((line) => line + END_OF_LINE).join('');
}

/** Size of the terminal that is written to; undefined where it is none. */
function terminalOf({ stdout }: CommandIo): { readonly columns: number; readonly rows: number } | undefined {
  const { isTTY, columns, rows } = stdout as Partial<WriteStream>;
  return isTTY === true ? { columns: columns || 80, rows: rows || 24 } : undefined;
}

async function readKey(file: string): Promise<string> {
  const { text, name } = await readInputFile(file);
  const key = text.trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(key)) return key;
  throw new UsageError(`${name}: --api-key-file: must hold one key without spaces`);
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError(`It must be an address such as ${DEFAULT_URL}.`);
  }
  return url.href.replace(/[?#].*$/, '').replace(/\/+$/, '');
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3_600)) throw new InvalidArgumentError('It must be seconds, from 0.1 to 3600.');
  return seconds;
}
