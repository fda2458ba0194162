import { parseDocument as parseYaml } from 'yaml';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';

/** How many problems one message tells. */
const SHOWN_ISSUES = 5;

/**
 * The value of one YAML or JSON document.
 * @param name how messages call it
 * @throws ConfigError with the line and column of the first mistake
 */
export function parseDocument(text: string, name: string): unknown {
  if (text.trim() === '') throw new ConfigError(`${name}: is empty; it must be a YAML or JSON document`);
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // YAML is a superset of JSON, and its parser says where the mistake is.
    }
  }
  const document = parseYaml(text, { prettyErrors: true, logLevel: 'silent' });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const [firstLine = ''] = mistake.message.split('\n');
    throw new ConfigError(`${name}: is neither YAML nor JSON: ${firstLine.replace(/:$/, '')}`);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError(`${name}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

/** A message for a field: what it must be, and what was given instead. */
export function requirement(text: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => {
    if (input === undefined) return `missing; it ${text}`;
    const given = typeof input === 'number' ? String(input) : (JSON.stringify(input) ?? String(input));
    return `${text}, not ${given.length > 60 ? `${given.slice(0, 60)}...` : given}`;
  };
}

/** The first issues as `path: requirement`, for one line. */
export function describeFileIssues(issues: readonly z.core.$ZodIssue[]): string {
  const shown = issues.slice(0, SHOWN_ISSUES).map(describeFileIssue);
  const more = issues.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}

function describeFileIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return `${pathOf([...issue.path, key])}: unknown key; remove it or correct its spelling`;
  }
  const path = pathOf(issue.path);
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid')) {
    if (issue.message.endsWith('received undefined')) return `${path}: missing`;
    return `${path}: must be ${issue.expected === 'object' ? 'a mapping' : `of type ${issue.expected}`}`;
  }
  return `${path}: ${issue.message}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the document';
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}
