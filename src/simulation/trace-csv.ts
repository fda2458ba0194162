import { DispatcherError } from '../domain/shared/errors.ts';
import type { TraceRequest } from './workloads.ts';

/** Longest prompt or answer of one request, tokens. */
const MAX_TOKENS = 10_000_000;

interface Columns {
  readonly time: number;
  readonly input: number;
  readonly output: number;
}

/** Names that a column may have, in lower case; the first are those of the public Azure traces. */
const COLUMN_NAMES: Readonly<Record<keyof Columns, readonly string[]>> = {
  time: ['timestamp', 'arrival_seconds'],
  input: ['contexttokens', 'input_tokens'],
  output: ['generatedtokens', 'output_tokens'],
};

/**
 * Requests of a trace in CSV with a head line: arrival (seconds, or a date and time), prompt and output
 * tokens. Lines must be in the order of arrival; empty lines are skipped. No quoted fields.
 * @param maxRequests requests read at most; the rest is left out
 * @throws DispatcherError DSP_INVALID_ARGUMENT naming the line   O(length)
 */
export function parseTrace(text: string, maxRequests: number): TraceRequest[] {
  const lines = text.split('\n');
  const columns = columnsOf(lines[0] ?? '');
  const requests: TraceRequest[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (let i = 1; i < lines.length && requests.length < maxRequests; i += 1) {
    const line = (lines[i] ?? '').trim();
    if (line === '') continue;
    const fields = line.split(',');
    const request = {
      arrivalSeconds: parseTime(fields[columns.time] ?? '', i + 1),
      inputTokens: parseTokens(fields[columns.input] ?? '', i + 1),
      // A request that generated nothing still takes the step that found that out.
      outputTokens: Math.max(1, parseTokens(fields[columns.output] ?? '', i + 1)),
    };
    if (request.arrivalSeconds < before) refuse(i + 1, 'arrives before the line above; sort the trace by time');
    before = request.arrivalSeconds;
    requests.push(request);
  }
  if (requests.length === 0) refuse(2, 'there is no request');
  return requests;
}

function columnsOf(head: string): Columns {
  const names = head.split(',').map((name) => name.trim().toLowerCase());
  const find = (column: keyof Columns): number => {
    const at = names.findIndex((name) => COLUMN_NAMES[column].includes(name));
    if (at < 0) refuse(1, `has no column ${COLUMN_NAMES[column].join(' or ')}`);
    return at;
  };
  return { time: find('time'), input: find('input'), output: find('output') };
}

/** `2023-11-16 18:17:03.9799600` (UTC unless it says otherwise) or a number of seconds. */
function parseTime(field: string, line: number): number {
  if (/^\d+(\.\d+)?$/.test(field)) return Number(field);
  const parts = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:Z|\+00:00)?$/.exec(field);
  if (parts === null) refuse(line, `has no time: "${field.slice(0, 40)}"`);
  const [year, month, day, hours, minutes, seconds] = (parts ?? []).slice(1).map(Number);
  return (
    daysSinceEpoch(year ?? 0, month ?? 0, day ?? 0) * 86_400 +
    (hours ?? 0) * 3600 +
    (minutes ?? 0) * 60 +
    (seconds ?? 0)
  );
}

/** Days of the Gregorian calendar since 1970, counted in years that begin in March, so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return 365 * shifted + leapDays + Math.floor((153 * monthFromMarch + 2) / 5) + day - 1 - 719_468;
}

function parseTokens(field: string, line: number): number {
  const tokens = Number(field);
  if (!/^\d+$/.test(field.trim()) || tokens > MAX_TOKENS) {
    refuse(line, `tokens must be whole numbers up to ${MAX_TOKENS}, not "${field.slice(0, 40)}"`);
  }
  return tokens;
}

function refuse(line: number, problem: string): never {
  throw new DispatcherError('DSP_INVALID_ARGUMENT', `line ${line}: ${problem}`, { param: `line ${line}` });
}
