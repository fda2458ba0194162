import type { z } from 'zod';
import { configSchema } from './schema.ts';

/** What an environment variable or a flag must be turned into before the schema sees it. */
export type KeyKind = 'number' | 'integer' | 'boolean' | 'list' | 'text';

export interface ConfigKey {
  /** `section.key`, as in the file. */
  readonly path: string;
  readonly kind: KeyKind;
  /** Never shown: not in logs, not in error messages. */
  readonly isSecret: boolean;
}

/** A name shorter than the general one, for what people set most. */
export interface ShortName {
  /** Set together: `--host` is for both fronts. */
  readonly paths: readonly string[];
  readonly variable: string;
  /** Name of the option as commander hands it over, and as it is typed. */
  readonly option?: keyof ConfigFlags;
  readonly flag?: string;
}

/** The flags of a command that set configuration keys; text as it was typed. */
export interface ConfigFlags {
  readonly host?: string | undefined;
  readonly httpPort?: string | undefined;
  readonly grpcPort?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly model?: string | undefined;
  readonly dtype?: string | undefined;
}

export const SHORT_NAMES: readonly ShortName[] = [
  { paths: ['http.host', 'grpc.host'], variable: 'DAISYCHAIN_HOST', option: 'host', flag: '--host' },
  { paths: ['http.port'], variable: 'DAISYCHAIN_HTTP_PORT', option: 'httpPort', flag: '--http-port' },
  { paths: ['grpc.port'], variable: 'DAISYCHAIN_GRPC_PORT', option: 'grpcPort', flag: '--grpc-port' },
  { paths: ['observability.log_level'], variable: 'DAISYCHAIN_LOG_LEVEL', option: 'logLevel', flag: '--log-level' },
  { paths: ['model.id'], variable: 'DAISYCHAIN_MODEL', option: 'model', flag: '--model' },
  { paths: ['model.dtype'], variable: 'DAISYCHAIN_DTYPE', option: 'dtype', flag: '--dtype' },
  { paths: ['model.offline'], variable: 'DAISYCHAIN_OFFLINE' },
  { paths: ['model.cache_dir'], variable: 'DAISYCHAIN_CACHE_DIR' },
];

/** Every key of the schema by its path. */
export const CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(
  Object.entries(configSchema.shape).flatMap(([section, schema]) =>
    Object.entries(schema.unwrap().shape as Record<string, z.ZodType>).map(([name, keySchema]): [string, ConfigKey] => {
      const path = `${section}.${name}`;
      return [path, { path, kind: kindOf(keySchema), isSecret: keySchema.meta()?.['writeOnly'] === true }];
    }),
  ),
);

export const CONFIG_SECTIONS: ReadonlySet<string> = new Set(Object.keys(configSchema.shape));

function kindOf(schema: z.ZodType): KeyKind {
  const { type, innerType, format } = schema.def as { type: string; innerType?: z.ZodType; format?: string };
  if (innerType !== undefined) return kindOf(innerType);
  if (type === 'number') return format === 'safeint' ? 'integer' : 'number';
  if (type === 'boolean') return 'boolean';
  if (type === 'array') return 'list';
  return 'text';
}

/** The known path most like a mistyped one, or undefined when none is near. */
export function nearestKey(path: string): string | undefined {
  const wanted = path.toLowerCase();
  const stem = stemOf(wanted);
  let best: string | undefined;
  let bestDistance = Math.max(3, Math.floor(wanted.length / 4)) + 1;
  for (const candidate of CONFIG_KEYS.keys()) {
    // `lease_ms` for `lease_seconds`: the same quantity in another unit.
    if (stemOf(candidate) === stem) return candidate;
    const distance = editDistance(wanted, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function stemOf(path: string): string {
  return path.replace(/_(?:ms|milliseconds|s|sec|secs|seconds|minutes|bytes|kb|mb|gb|tokens)$/, '');
}

/** Levenshtein's distance, O(|a|·|b|); keys are short and `a` is cut at 100 characters. */
function editDistance(a: string, b: string): number {
  const text = a.slice(0, 100);
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= text.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (text[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
