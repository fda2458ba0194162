import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino } from 'pino';
import { terminalLines } from './terminal-lines.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const STDERR = 2;

/**
 * Fields that must never reach a log, wherever somebody puts them: credentials, and what clients and
 * models said. The code does not log them; this is the second line.
 */
const SECRET_FIELDS = [
  'authorization',
  'apiKey',
  'apiKeys',
  'joinToken',
  'join_token',
  'password',
  'token',
  'prompt',
  'messages',
  'content',
  'text',
  'completion',
];

/** Depth of nesting at which secret fields are looked for. */
const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `json`: an object a line; `text`: short lines for people; `auto` (default): text on a terminal, else JSON. */
  readonly format?: LogFormat;
  /** While true, text for people is only what is at least a warning: nobody reads the routine of an end asked for. */
  readonly isHushed?: () => boolean;
  /** Where the lines go; default: standard error, so that standard output stays for answers. */
  readonly destination?: DestinationStream;
}

/** The process's logger. Components take children: `logger.child({ component })`. */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.destination ?? pino.destination({ dest: STDERR, sync: false, minLength: 0 });
  return pino(
    {
      level: options.level,
      base: { service: 'daisychain' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
      serializers: { err: serializeError },
      // A hostile name in a field must not make a line of any length.
      depthLimit: 6,
      edgeLimit: 200,
    },
    isText(options) ? terminalLines(stream, options.isHushed) : stream,
  );
}

function isText({ format = 'auto', destination }: LoggerOptions): boolean {
  if (format !== 'auto') return format === 'text';
  return destination === undefined ? isatty(STDERR) : 'isTTY' in destination && destination.isTTY === true;
}

const MAX_CAUSES = 3;

/** An error with its code and causes; messages of errors may quote names, never what a client wrote. */
function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const { code, serverId, param } = error as Error & { code?: unknown; serverId?: unknown; param?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(serverId === undefined ? {} : { serverId }),
    ...(param === undefined ? {} : { param }),
    stack: error.stack,
    ...(error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
}
