import type { z } from 'zod';
import type { ConfigKey } from './config-keys.ts';

const UNITS: readonly (readonly [suffix: string, unit: string])[] = [
  ['_seconds', ' of seconds'],
  ['_bytes', ' of bytes'],
  ['_tokens', ' of tokens'],
];

/**
 * One sentence for one complaint of the schema: the key's path, where it was set, what it must be.
 * A secret's value is never repeated.
 */
export function describeIssue(
  issue: z.core.$ZodIssue,
  key: ConfigKey | undefined,
  value: unknown,
  origin: string,
): string {
  const [section, name, ...rest] = issue.path.map(String);
  const place = `${section}.${name}${rest.map((index) => `[${index}]`).join('')} in ${origin}`;
  const given = key?.isSecret || value === undefined ? '' : `, not ${shown(value)}`;
  return `${place}: ${requirement(issue, key)}${given}`;
}

function requirement(issue: z.core.$ZodIssue, key: ConfigKey | undefined): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeRequirement(issue.expected, key);
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return `must ${sizeNoun(issue.origin)} at least ${issue.minimum}${sizeUnit(issue.origin)}`;
    case 'too_big':
      return `must ${sizeNoun(issue.origin)} at most ${issue.maximum}${sizeUnit(issue.origin)}`;
    default:
      return issue.message;
  }
}

function typeRequirement(expected: string, key: ConfigKey | undefined): string {
  if (expected === 'number' || expected === 'int') {
    const unit = UNITS.find(([suffix]) => key?.path.endsWith(suffix))?.[1] ?? '';
    return `must be a ${key?.kind === 'integer' ? 'whole ' : ''}number${unit}`;
  }
  if (expected === 'boolean') return 'must be true or false';
  if (expected === 'array') return 'must be a list';
  return expected === 'string' ? 'must be a text' : `must be of type ${expected}`;
}

function sizeNoun(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'have' : 'be';
}

function sizeUnit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' items' : '';
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
