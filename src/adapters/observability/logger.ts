import { type DestinationStream, type Logger, pino } from 'pino';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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
  /** Where the lines go; default: standard error, so that standard output stays for answers. */
  readonly destination?: DestinationStream;
}

/** The process's logger: one JSON object a line. Components take children: `logger.child({ component })`. */
export function createLogger(options: LoggerOptions): Logger {
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
    options.destination ?? pino.destination({ dest: 2, sync: false, minLength: 0 }),
  );
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
