import { InvalidArgumentError } from 'commander';
import type { LogLevel } from '../adapters/observability/logger.ts';
import type { MeasuredSpeed } from '../application/ports/block-host.ts';
import type { WeightsDtype } from '../domain/model/weights-dtype.ts';

/** What `daisychain agent` is told, as commander gives it. */
export interface AgentFlags {
  readonly dispatcher: string;
  readonly backend: 'builtin' | 'petals';
  readonly serverId: string;
  readonly memoryBytes: number;
  readonly model: string;
  readonly dtype: WeightsDtype;
  readonly listen: string;
  readonly advertise?: string;
  readonly joinToken?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly threads: number;
  readonly petalsPython?: string;
  readonly declareSpeed?: MeasuredSpeed;
  readonly label: Readonly<Record<string, string>>;
  readonly logLevel: LogLevel;
}

const UNITS = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KIB', 2 ** 10],
  ['MIB', 2 ** 20],
  ['GIB', 2 ** 30],
  ['TIB', 2 ** 40],
]);

/** Bytes as `4000000000`, `512MiB` or `2.5GB`. */
export function parseByteCount(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const bytes = Number(number) * (UNITS.get(unit.toUpperCase()) ?? Number.NaN);
  if (!(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER)) {
    throw new InvalidArgumentError('It must be bytes, such as 4000000000, 512MiB or 2.5GB.');
  }
  return Math.floor(bytes);
}

/** `overhead,prefill,decode` in seconds: per block, and twice per token and block. */
export function parseDeclaredSpeed(text: string): MeasuredSpeed {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [overhead, prefill, decode] = numbers;
  if (
    numbers.length !== 3 ||
    overhead === undefined ||
    prefill === undefined ||
    decode === undefined ||
    !(overhead >= 0 && prefill > 0 && decode > 0 && Number.isFinite(overhead + prefill + decode))
  ) {
    throw new InvalidArgumentError(
      'It must be three numbers of seconds, overhead,prefill,decode; the last two above 0.',
    );
  }
  return {
    overheadSecondsPerBlock: overhead,
    prefillSecondsPerTokenPerBlock: prefill,
    decodeSecondsPerTokenPerBlock: decode,
  };
}

export function parseThreadCount(text: string): number {
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1 || threads > 1_024)
    throw new InvalidArgumentError('It must be a whole number from 1 to 1024.');
  return threads;
}

/** One `key=value`, added to those before it. */
export function addLabel(text: string, earlier: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be key=value.');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}
