import { CONFIG_KEYS } from './config-keys.ts';
import type { Config } from './schema.ts';

/** The configuration for the log: every secret is replaced, how many there are stays visible. */
export function redacted(config: Config): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(config).map(([section, keys]) => [
      section,
      Object.fromEntries(
        Object.entries(keys as Record<string, unknown>).map(([name, value]) => [
          name,
          CONFIG_KEYS.get(`${section}.${name}`)?.isSecret ? hide(value) : value,
        ]),
      ),
    ]),
  );
}

function hide(value: unknown): unknown {
  return Array.isArray(value) ? value.map(() => '[redacted]') : '[redacted]';
}
