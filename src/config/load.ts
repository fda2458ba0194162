import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
import { ConfigError } from './config-error.ts';
import {
  CONFIG_KEYS,
  CONFIG_SECTIONS,
  type ConfigFlags,
  type ConfigKey,
  nearestKey,
  SHORT_NAMES,
} from './config-keys.ts';
import { describeIssue } from './issue-text.ts';
import { checkTogether } from './rules.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigInput {
  /** A YAML or JSON file; undefined reads none. */
  readonly file?: string | undefined;
  /** The process's environment; the only place where the configuration meets it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags?: ConfigFlags | undefined;
}

interface Setting {
  readonly value: unknown;
  /** Where it was set, for the error message. */
  readonly origin: string;
}

/** Later entries win; problems are gathered so that one start tells all of them. */
interface Settings {
  readonly byPath: Map<string, Setting>;
  readonly problems: string[];
}

const PREFIX = 'DAISYCHAIN_';
/** Read by `daisychain agent`, not part of the dispatcher's configuration. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(['DAISYCHAIN_JOIN_TOKEN']);
const MAX_FILE_BYTES = 1_048_576;

/**
 * The effective configuration: defaults, overruled by the file, by DAISYCHAIN_* variables, by flags.
 * @returns frozen at every level
 * @throws ConfigError naming every key that is unknown, of the wrong type or unit, out of range, or at
 *   odds with another, where it was set, and the remedy
 */
export function loadConfig(input: ConfigInput): Config {
  const settings: Settings = { byPath: new Map(), problems: [] };
  if (input.file !== undefined) readFile(input.file, settings);
  readEnvironment(input.env, settings);
  readFlags(input.flags ?? {}, settings);

  const sections: Record<string, Record<string, unknown>> = {};
  for (const [keyPath, { value }] of settings.byPath) {
    const [section, name] = keyPath.split('.') as [string, string];
    sections[section] ??= {};
    sections[section][name] = value;
  }
  const parsed = configSchema.safeParse(sections);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const key = CONFIG_KEYS.get(issue.path.slice(0, 2).join('.'));
      const setting = key === undefined ? undefined : settings.byPath.get(key.path);
      settings.problems.push(describeIssue(issue, key, setting?.value, setting?.origin ?? 'the configuration'));
    }
  } else {
    settings.problems.push(...checkTogether(parsed.data));
  }
  if (!parsed.success || settings.problems.length > 0) throw new ConfigError(settings.problems.join('; '));
  const { model } = parsed.data;
  return freezeDeep({
    ...parsed.data,
    model: { ...model, cache_dir: model.cache_dir ?? path.join(homedir(), '.cache', 'daisychain') },
  });
}

function readFile(file: string, settings: Settings): void {
  if (!['.yaml', '.yml', '.json'].includes(path.extname(file).toLowerCase())) {
    throw new ConfigError(`--config ${file}: must be a .yaml, .yml or .json file`);
  }
  let document: unknown;
  try {
    const text = readFileSync(file, 'utf8');
    if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw new Error(`is larger than ${MAX_FILE_BYTES} bytes`);
    // JSON is a subset of YAML 1.2, so one parser reads both.
    document = parseYaml(text, { maxAliasCount: 100, prettyErrors: true, logLevel: 'error' });
  } catch (error) {
    throw new ConfigError(`--config ${file}: ${readingProblem(error)}`);
  }
  if (document === null || document === undefined) return;
  if (!isMapping(document))
    throw new ConfigError(`--config ${file}: must hold sections such as "http:", not a ${typeof document}`);
  for (const [section, keys] of Object.entries(document)) {
    if (keys === null && CONFIG_SECTIONS.has(section)) continue;
    if (!isMapping(keys) || !CONFIG_SECTIONS.has(section)) {
      settings.problems.push(
        CONFIG_SECTIONS.has(section)
          ? `${section} in ${file}: must be a section with keys, for instance "${section}:" and an indented line`
          : `${section} in ${file}: there is no such section; the sections are ${[...CONFIG_SECTIONS].join(', ')}`,
      );
      continue;
    }
    for (const [name, value] of flattened(keys)) {
      const keyPath = `${section}.${name}`;
      if (!CONFIG_KEYS.has(keyPath)) settings.problems.push(unknownKey(keyPath, file));
      // "key:" with nothing after it leaves the default in force.
      else if (value !== null) settings.byPath.set(keyPath, { value, origin: file });
    }
  }
}

/** Keys that share a first word may be written as a section of their own: `petals: {bootstrap: ...}`. */
function flattened(keys: Record<string, unknown>): [string, unknown][] {
  return Object.entries(keys).flatMap(([name, value]): [string, unknown][] =>
    isMapping(value) ? Object.entries(value).map(([inner, item]) => [`${name}_${inner}`, item]) : [[name, value]],
  );
}

function readEnvironment(env: ConfigInput['env'], settings: Settings): void {
  for (const { variable, paths } of SHORT_NAMES) {
    const text = env[variable];
    if (text) for (const keyPath of paths) setFromText(settings, keyPath, text, variable);
  }
  const shortNames = new Set(SHORT_NAMES.map(({ variable }) => variable));
  for (const variable of Object.keys(env)
    .filter((name) => name.startsWith(PREFIX))
    .sort()) {
    const text = env[variable];
    // An empty variable is one that is not set: compose files pass `${NAME:-}` on.
    if (!text || shortNames.has(variable) || OTHER_VARIABLES.has(variable)) continue;
    const keyPath = variable.slice(PREFIX.length).toLowerCase().replace('__', '.').replace('__', '_');
    if (CONFIG_KEYS.has(keyPath)) setFromText(settings, keyPath, text, variable);
    else settings.problems.push(unknownVariable(variable, keyPath));
  }
}

function readFlags(flags: ConfigFlags, settings: Settings): void {
  for (const { option, flag, paths } of SHORT_NAMES) {
    const text = option === undefined ? undefined : flags[option];
    if (text !== undefined && flag !== undefined)
      for (const keyPath of paths) setFromText(settings, keyPath, text, flag);
  }
}

function setFromText(settings: Settings, keyPath: string, text: string, origin: string): void {
  const key = CONFIG_KEYS.get(keyPath);
  if (key !== undefined) settings.byPath.set(keyPath, { value: valueOfText(key, text.trim()), origin });
}

/** The typed value where the text is one; otherwise the text, which the schema then refuses with its reason. */
function valueOfText(key: ConfigKey, text: string): unknown {
  switch (key.kind) {
    case 'number':
    case 'integer':
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case 'boolean':
      if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true;
      return ['false', '0', 'no', 'off'].includes(text.toLowerCase()) ? false : text;
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'text':
      return text;
  }
}

function unknownKey(keyPath: string, origin: string): string {
  const nearest = nearestKey(keyPath);
  return `${keyPath} in ${origin}: there is no such key; ${
    nearest === undefined ? 'config/default.yaml shows every key' : `did you mean ${nearest}?`
  }`;
}

function unknownVariable(variable: string, keyPath: string): string {
  const nearest = nearestKey(keyPath.includes('.') ? keyPath : keyPath.replace('_', '.'));
  const remedy =
    nearest === undefined ? 'unset it' : `did you mean ${PREFIX}${nearest.replace('.', '__').toUpperCase()}?`;
  return `${variable}: no key of the configuration has this name; ${remedy}`;
}

function readingProblem(error: unknown): string {
  if (!(error instanceof Error)) return 'cannot be read';
  if ('code' in error && error.code === 'ENOENT') return 'there is no such file';
  // The parser's first line says what and where; the lines after it draw the place.
  return error.message.split('\n')[0]?.replace(/:$/, '') ?? 'cannot be read';
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freezeDeep);
  return Object.freeze(value);
}
