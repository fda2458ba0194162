/** Writes `config/default.yaml` and `config/schema.json` out of the schema: `npm run schema:update`. */
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../src/config/schema.ts';

interface KeySchema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

interface SectionSchema {
  readonly description?: string;
  readonly properties: Record<string, KeySchema>;
}

const HEADER = `# yaml-language-server: $schema=./schema.json
#
# Every key of the dispatcher's configuration with its unit, range and default.
# A file of your own needs only the keys that differ: daisychain serve --config FILE
# Every key can also be set as DAISYCHAIN_<SECTION>__<KEY>, for instance DAISYCHAIN_PLANNER__MAX_LOAD=0.6
# (lists are separated by commas). Flags overrule the environment, which overrules the file.
# Written by "npm run schema:update" from src/config/schema.ts; change it there.
`;

/** The text of `config/schema.json`. */
export function renderJsonSchema(): string {
  const schema = { title: 'Configuration of daisychain serve', ...z.toJSONSchema(configSchema, { io: 'input' }) };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The text of `config/default.yaml`: a key without a default is shown as a comment. */
export function renderDefaultConfig(): string {
  const { properties } = z.toJSONSchema(configSchema, { io: 'input' }) as unknown as {
    properties: Record<string, SectionSchema>;
  };
  const sections = Object.entries(properties).map(([name, section]) => {
    const keys = Object.entries(section.properties).map(([key, schema]) => renderKey(key, schema));
    return [`# ${section.description}`, `${name}:`, ...keys].join('\n');
  });
  return `${HEADER}\n${sections.join('\n\n')}\n`;
}

function renderKey(name: string, schema: KeySchema): string {
  const notes = [range(name, schema), schema.default === undefined ? 'not set by default' : ''].filter(
    (note) => note !== '',
  );
  const comment = `  # ${schema.description}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
  if (schema.default === undefined) return `${comment}\n  # ${name}:`;
  return `${comment}\n  ${stringify({ [name]: schema.default }).trim()}`;
}

function range(name: string, schema: KeySchema): string {
  if (schema.enum !== undefined)
    return schema.enum.length > 1 ? `one of ${schema.enum.join(', ')}` : `only ${schema.enum[0]}`;
  if (schema.minimum === undefined) return '';
  const unit = ['seconds', 'bytes', 'tokens'].find((word) => name.endsWith(`_${word}`));
  return `${schema.minimum} to ${schema.maximum}${unit === undefined ? '' : ` ${unit}`}`;
}

if (import.meta.main) {
  writeFileSync(new URL('../config/schema.json', import.meta.url), renderJsonSchema());
  writeFileSync(new URL('../config/default.yaml', import.meta.url), renderDefaultConfig());
}
