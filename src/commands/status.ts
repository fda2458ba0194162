import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { DispatcherError } from '../domain/shared/errors.ts';
import { type CommandIo, UsageError } from './command-io.ts';
import { readInputFile } from './input-file.ts';
import { readStatus } from './status-client.ts';
import { statusTable } from './status-report.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';
const DEFAULT_INTERVAL_SECONDS = 2;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

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
      io.stdout.write(flags.json ? `${JSON.stringify(status)}\n` : statusTable(status));
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
  const isTerminal = 'isTTY' in io.stdout && io.stdout.isTTY === true;
  while (!until?.aborted) {
    const text = await readStatus(url, apiKey).then(statusTable, (error: unknown) => {
      if (error instanceof DispatcherError && error.code === 'DSP_SERVER_LOST') return `${error.message}\n`;
      throw error;
    });
    io.stdout.write(isTerminal ? CLEAR_SCREEN + text : `${text}\n`);
    await sleep(seconds * 1_000, undefined, until === undefined ? {} : { signal: until }).catch(() => undefined);
  }
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
