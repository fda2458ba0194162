import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { problemOfCommandLine } from '../support/command-flags.ts';
import { environmentOf, type Instruction, readDockerfile, type Stage } from '../support/dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
  engines: { node: string };
};
const stages = readDockerfile(path.join(ROOT, 'Dockerfile'));
const final = stages.at(-1) as Stage;

const named = (stage: Stage, name: string): Instruction[] =>
  stage.instructions.filter((instruction) => instruction.name === name);

describe('the image', () => {
  it('is built on the oldest Node that the product supports, in every stage', () => {
    const major = /\d+/.exec(manifest.engines.node)?.[0];
    expect(stages.map(({ base }) => base)).toEqual(stages.map(() => `node:${major}-slim`));
  });

  it('copies only what exists', () => {
    const copies = stages.flatMap((stage) => named(stage, 'COPY'));
    expect(copies.length).toBeGreaterThan(5);
    for (const { words, flags } of copies) {
      const sources = words.slice(0, -1);
      if (flags['from'] === undefined) {
        for (const source of sources) expect(existsSync(path.join(ROOT, source)), source).toBe(true);
      } else expect(stages.map(({ name }) => name)).toContain(flags['from']);
    }
  });

  it('gets every file that it copies past .dockerignore', () => {
    const allowed = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const sources = stages
      .flatMap((stage) => named(stage, 'COPY'))
      .filter(({ flags }) => flags['from'] === undefined)
      .flatMap(({ words }) => words.slice(0, -1));
    expect([...new Set(sources)].sort()).toEqual([...allowed].sort());
  });

  it('runs npm scripts that exist', () => {
    const runs = stages.flatMap((stage) => named(stage, 'RUN')).map(({ text }) => text);
    const scripts = runs.flatMap((text) => [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? ''));
    expect(scripts).toContain('build');
    for (const script of scripts) expect(manifest.scripts, script).toHaveProperty([script]);
  });

  it('starts the program that package.json names, as a user without rights', () => {
    expect(named(final, 'ENTRYPOINT')[0]?.words).toEqual(['node', manifest.bin['daisychain']?.replace('./', '')]);
    expect(named(final, 'USER')[0]?.words).toEqual(['node']);
  });

  it('starts with a command line that the product takes', async () => {
    expect(await problemOfCommandLine(named(final, 'CMD')[0]?.words ?? [])).toBe('');
  });

  it('sets variables that the configuration knows, and opens the ports of its defaults', () => {
    const env = environmentOf(final);
    const secrets = {
      DAISYCHAIN_SECURITY__JOIN_TOKENS: 'a-token-for-the-test',
      DAISYCHAIN_SECURITY__API_KEYS: 'a-key-for-the-test',
    };
    const config = loadConfig({ env: { ...env, ...secrets } });
    expect(config.http.host).toBe('0.0.0.0');
    expect(named(final, 'EXPOSE')[0]?.words).toEqual([String(config.http.port), String(config.grpc.port)]);
    // With nothing said about who may join or ask, it must not start open to everybody.
    expect(() => loadConfig({ env })).toThrow(/security\.join_tokens.*security\.api_keys/s);
  });
});
