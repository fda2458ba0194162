import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderDefaultConfig, renderJsonSchema } from '../../../scripts/render-default-config.ts';
import { CONFIG_KEYS } from '../../../src/config/config-keys.ts';

const committed = (name: string): string => readFileSync(new URL(`../../../config/${name}`, import.meta.url), 'utf8');

describe('the files written from the configuration schema', () => {
  it('config/default.yaml is what "npm run schema:update" writes', () => {
    expect(committed('default.yaml')).toBe(renderDefaultConfig());
  });

  it('config/schema.json is what "npm run schema:update" writes', () => {
    expect(committed('schema.json')).toBe(renderJsonSchema());
  });

  it('default.yaml shows every key once, with a comment before it', () => {
    const lines = committed('default.yaml').split('\n');
    const shown = lines.flatMap((line, index) => {
      const name = /^ {2}(?:# )?([a-z_]+):(?: |$)/.exec(line)?.[1];
      return name === undefined ? [] : [{ name, comment: lines[index - 1] ?? '' }];
    });
    expect(shown.map(({ name }) => name)).toEqual([...CONFIG_KEYS.keys()].map((path) => path.split('.')[1]));
    for (const { name, comment } of shown) expect(comment, name).toMatch(/^ {2}# \S.{10}/);
  });

  it('gives every numeric key a range', () => {
    const schema = JSON.parse(renderJsonSchema()) as {
      properties: Record<string, { properties: Record<string, { type?: string; minimum?: number; maximum?: number }> }>;
    };
    for (const key of [...CONFIG_KEYS.values()].filter(({ kind }) => kind === 'number' || kind === 'integer')) {
      const [section = '', name = ''] = key.path.split('.');
      const { minimum, maximum } = schema.properties[section]?.properties[name] ?? {};
      expect([minimum, maximum], key.path).toEqual([expect.any(Number), expect.any(Number)]);
      expect(maximum, key.path).toBeLessThan(Number.MAX_SAFE_INTEGER);
    }
  });
});
