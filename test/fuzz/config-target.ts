import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../src/config/config-error.ts';
import { CONFIG_KEYS, SHORT_NAMES } from '../../src/config/config-keys.ts';
import { readKeysFile } from '../../src/config/keys-file.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseScenarioFile } from '../../src/config/scenario-file.ts';
import { parseSwarmFile } from '../../src/config/swarm-file.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { RandomInput } from './random-input.ts';

const CONFIG = fileURLToPath(new URL('../../config', import.meta.url));
const DEFAULTS = readFileSync(path.join(CONFIG, 'default.yaml'));
const SWARM = readFileSync(path.join(CONFIG, 'swarm.example.yaml'));
const SCENARIO = readFileSync(path.join(CONFIG, 'scenario.example.yaml'));
const KEYS = Buffer.from('keys:\n  - {key: aaaaaaaaaaaaaaaaaaaa, tenant: a, max_priority: high, max_concurrency: 3}\n');
const PATHS = [...CONFIG_KEYS.keys()];

/** The configuration (file, environment, flags) and the files that the commands read. @param folder for the files */
export function configTargets(folder: string): readonly FuzzTarget[] {
  const file = path.join(folder, 'fuzzed.yaml');
  const target = (name: string, weight: number, load: (input: RandomInput) => unknown): FuzzTarget => ({
    name,
    weight,
    run: async (input) => problemOf(() => load(input)),
  });
  return [
    target('config-values', 10, (input) => {
      writeFileSync(file, JSON.stringify(randomSections(input)));
      return loadConfig({ file, env: randomVariables(input), flags: randomFlags(input) });
    }),
    target('config-bytes', 2, (input) => {
      writeFileSync(file, input.chance(0.8) ? input.mutate(DEFAULTS) : input.bytes(500));
      return loadConfig({ file, env: {} });
    }),
    target('keys-file', 2, (input) => {
      writeFileSync(file, input.chance(0.5) ? input.mutate(KEYS) : JSON.stringify({ keys: input.json() }));
      return readKeysFile(file);
    }),
    target('swarm-file', 2, (input) => parseSwarmFile(input.mutate(SWARM).toString(), 'swarm.yaml')),
    target('scenario-file', 1, (input) => parseScenarioFile(input.mutate(SCENARIO).toString(), 'scenario.yaml')),
  ];
}

/** Loaded, or refused with one line for people. */
function problemOf(load: () => unknown): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    if (!(error instanceof ConfigError)) return `threw ${(error as Error).stack}`;
    if (error.message === '' || /\n\s+at /.test(error.message)) return `a bad message: ${error.message.slice(0, 200)}`;
    return undefined;
  }
}

function randomSections(input: RandomInput): unknown {
  if (input.chance(0.05)) return input.json();
  const sections: Record<string, unknown> = {};
  for (let i = input.int(8); i > 0; i -= 1) {
    const [section = '', key = ''] = input.chance(0.9)
      ? input.pick(PATHS).split('.')
      : [input.text(10), input.text(10)];
    const keys = (sections[section] ?? {}) as Record<string, unknown>;
    if (typeof keys === 'object') sections[section] = { ...keys, [key]: input.json(2) };
  }
  return sections;
}

function randomVariables(input: RandomInput): Record<string, string> {
  const name = (): string =>
    input.chance(0.7)
      ? `DAISYCHAIN_${input.pick(PATHS).replace('.', '__').toUpperCase()}`
      : input.chance(0.7)
        ? input.pick(SHORT_NAMES).variable
        : `DAISYCHAIN_${input.text(12)}`;
  return Object.fromEntries(Array.from({ length: input.int(3) }, () => [name(), String(input.json(1))]));
}

function randomFlags(input: RandomInput): Record<string, string> {
  const options = SHORT_NAMES.flatMap(({ option }) => (option === undefined ? [] : [option]));
  return Object.fromEntries(Array.from({ length: input.int(2) }, () => [input.pick(options), String(input.json(1))]));
}
