import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { describeFileIssues, parseDocument, requirement } from './document.ts';

/** One client's key, and what it may do with it. */
export interface ClientKey {
  /** The key, or `sha256:` and its digest. */
  readonly key: string;
  readonly tenant: string;
  readonly maxPriority: 'high' | 'normal' | 'low';
  readonly maxConcurrency: number | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
}

const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_KEYS = 10_000;

const limit = (what: string, max: number) =>
  z
    .int({ error: requirement(`must be a whole number ${what}`) })
    .min(1, 'must be at least 1')
    .max(max)
    .optional();

const entry = z
  .strictObject({
    key: z.string('must be a text').min(16, 'must have at least 16 characters').max(256).optional(),
    key_sha256: z
      .string('must be a text')
      .regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
      .optional(),
    tenant: z
      .string({ error: requirement('must be a text') })
      .regex(/^[A-Za-z0-9._:@-]{1,64}$/, 'must be 1 to 64 letters, digits or any of . _ : @ -'),
    max_priority: z.enum(['high', 'normal', 'low'], 'must be high, normal or low').default('normal'),
    max_concurrency: limit('of requests at once', 1_000_000),
    requests_per_minute: limit('of requests', 1_000_000_000),
    tokens_per_minute: limit('of tokens', 1_000_000_000_000),
  })
  .refine(
    ({ key, key_sha256 }) => (key === undefined) !== (key_sha256 === undefined),
    'must have either key or key_sha256',
  );

const keysSchema = z.strictObject({
  keys: z
    .array(entry, { error: requirement('must be a list of keys') })
    .min(1, 'must hold at least one key')
    .max(MAX_KEYS),
});

/**
 * Reads the keys of clients: YAML or JSON, `keys:` with one mapping each.
 * @throws ConfigError naming the file and the field; never the key
 */
export function readKeysFile(file: string): readonly ClientKey[] {
  const name = `security.keys_file ${file}`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new ConfigError(`${name}: ${isAbsent ? 'there is no such file' : 'cannot be read'}`);
  }
  if (text.length > MAX_FILE_BYTES) throw new ConfigError(`${name}: is larger than ${MAX_FILE_BYTES} bytes`);
  const parsed = keysSchema.safeParse(parseDocument(text, name));
  if (!parsed.success) throw new ConfigError(`${name}: ${describeFileIssues(parsed.error.issues)}`);
  const keys = parsed.data.keys.map((given) => ({
    key: given.key ?? `sha256:${given.key_sha256?.toLowerCase()}`,
    tenant: given.tenant,
    maxPriority: given.max_priority,
    maxConcurrency: given.max_concurrency,
    requestsPerMinute: given.requests_per_minute,
    tokensPerMinute: given.tokens_per_minute,
  }));
  refuseRepeatedKeys(keys, name);
  return keys;
}

/** The same key twice would leave open which of its entries counts. */
function refuseRepeatedKeys(keys: readonly ClientKey[], name: string): void {
  const seen = new Map<string, number>();
  keys.forEach(({ key }, index) => {
    const earlier = seen.get(key);
    if (earlier !== undefined)
      throw new ConfigError(`${name}: keys[${index}]: has the key of keys[${earlier}]: remove one of them`);
    seen.set(key, index);
  });
}
