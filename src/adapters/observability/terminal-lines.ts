import type { DestinationStream } from 'pino';
import { printableLine } from '../wire/printable-text.ts';

/** Fields that have a place of their own in the line, or say nothing at a terminal. */
const PLACED_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'service', 'component', 'msg', 'err']);
const ROUTINE_LEVELS: ReadonlySet<unknown> = new Set(['info', 'debug', 'trace']);
/** Longer values are cut, in characters. */
const MAX_VALUE_LENGTH = 120;
const LEVEL_WIDTH = 5;

/**
 * Turns the log's JSON lines into short ones for people: time of day, level, component, message, then the
 * fields as `name=value`; of an error its message, and its stack where it is an error of ours.
 * @param isHushed while true, what is not at least a warning is left out
 */
export function terminalLines(terminal: DestinationStream, isHushed: () => boolean = () => false): DestinationStream {
  return {
    write: (line) => {
      const fields = parseFields(line);
      if (ROUTINE_LEVELS.has(fields?.['level']) && isHushed()) return;
      terminal.write(`${shorten(line, fields)}\n`);
    },
  };
}

function shorten(line: string, fields: Record<string, unknown> | undefined): string {
  if (fields === undefined) return printableLine(line.trimEnd());
  const { level, time, component, msg, err } = fields;
  const clock = typeof time === 'string' ? new Date(time).toTimeString().slice(0, 8) : '';
  const head = `${clock} ${String(level).padEnd(LEVEL_WIDTH)} ${component === undefined ? '' : `${component}: `}${msg ?? ''}`;
  const rest = Object.entries(fields).filter(([name]) => !PLACED_FIELDS.has(name));
  const tail = rest.flatMap(([name, value]) => pairs(name, value)).join('');
  return printableLine(head + tail) + describeError(err);
}

function parseFields(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Of an object each field by itself. */
function pairs(name: string, value: unknown): string[] {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) return [` ${name}=${describe(value)}`];
  return Object.entries(value).map(([inner, each]) => ` ${name}.${inner}=${describe(each)}`);
}

function describe(value: unknown): string {
  const isFraction = typeof value === 'number' && !Number.isInteger(value);
  const text = typeof value === 'string' ? value : JSON.stringify(isFraction ? Number(value.toPrecision(4)) : value);
  const quoted = typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text;
  return quoted.length > MAX_VALUE_LENGTH ? `${quoted.slice(0, MAX_VALUE_LENGTH)}…` : quoted;
}

function describeError(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { message, code, stack } = err as { message?: unknown; code?: unknown; stack?: unknown };
  const isOurs = typeof code !== 'string' && typeof stack === 'string';
  // Line by line, so that the breaks between them stay.
  if (isOurs) return `\n${stack.split('\n').map(printableLine).join('\n')}`;
  return printableLine(` ${typeof code === 'string' ? `${code} ` : ''}${String(message)}`);
}
