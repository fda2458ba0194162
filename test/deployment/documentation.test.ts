import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, CONFIG_SECTIONS, SHORT_NAMES } from '../../src/config/config-keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import { commandNamed, problemOfCommandLine } from '../support/command-flags.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`),
].filter((file) => file.endsWith('.md') && existsSync(path.join(ROOT, file)));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** Lines of the shell blocks, without comments. */
function shellLines(text: string): string[] {
  return [...text.matchAll(/```(?:sh|bash|console)\n([\s\S]*?)```/g)]
    .flatMap((match) => (match[1] ?? '').replace(/\\\n\s*/g, ' ').split('\n'))
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

/** Words after `daisychain` of a line that runs it in one of the ways that the documentation uses, else undefined. */
function productWords(line: string): string[] | undefined {
  const match = /(?:^|\s)(?:npm run -s daisychain --|node dist\/main\.js|node src\/main\.ts|daisychain)\s+(.*)$/.exec(
    line,
  );
  const start = /^npm start(?: -- (.*))?$/.exec(line);
  const text = match?.[1] ?? (start === null ? undefined : `serve --embedded-swarm ${start[1] ?? ''}`);
  return text
    ?.replace(/\s[|>&].*$/, '')
    .split(/\s+/)
    .filter((word) => word !== '');
}

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('runs commands with flags that exist', async () => {
    for (const line of shellLines(text)) {
      const words = productWords(line);
      if (words !== undefined) expect(await problemOfCommandLine(words), line).toBe('');
    }
  });

  it('runs npm scripts that exist', () => {
    const scripts = [...text.matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)].map((match) => match[1] ?? '');
    expect(scripts.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });

  it('names configuration keys and variables that exist', () => {
    const keys = [...text.matchAll(/`([a-z]+)\.([a-z_]+)`/g)]
      .filter(([, section = '']) => CONFIG_SECTIONS.has(section))
      .map(([, section, key]) => `${section}.${key}`);
    expect(keys.filter((key) => !CONFIG_KEYS.has(key))).toEqual([]);
    for (const [variable] of text.matchAll(/DAISYCHAIN_[A-Z0-9_]*[A-Z0-9]/g)) {
      const isOfTheAgent = variable === 'DAISYCHAIN_JOIN_TOKEN';
      const isShort = SHORT_NAMES.some((name) => name.variable === variable);
      const key = variable.replace('DAISYCHAIN_', '').toLowerCase().replace('__', '.').replaceAll('__', '_');
      expect(isOfTheAgent || isShort || CONFIG_KEYS.has(key), variable).toBe(true);
    }
  });

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !existsSync(path.join(ROOT, path.dirname(page), link)))).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const text = read('docs/operations.md');

  it('tells every short name with its flag and keys', () => {
    for (const { variable, flag, paths } of SHORT_NAMES) {
      const row = text.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${variable}\``));
      expect(row, variable).toBeDefined();
      if (flag !== undefined) expect(row).toContain(`\`${flag}\``);
      for (const key of paths) expect(row).toContain(`\`${key}\``);
    }
  });

  it('tells the flags of the configuration as serve knows them', async () => {
    const known = (await commandNamed('serve'))?.options.map(({ long }) => long);
    for (const { flag } of SHORT_NAMES) if (flag !== undefined) expect(known).toContain(flag);
  });

  it('names flags of the agent that exist', async () => {
    const known = new Set((await commandNamed('agent'))?.options.map(({ long }) => long));
    for (const flag of ['--server-id', '--memory-bytes', '--listen', '--advertise']) {
      expect(text).toContain(flag);
      expect(known).toContain(flag);
    }
  });

  it('tells the ports and the grace period that are the defaults', () => {
    const { http, grpc, limits } = loadConfig({ env: {} });
    expect(text).toContain(`| ${http.port} |`);
    expect(text).toContain(`| ${grpc.port} |`);
    expect(text).toContain(`(${limits.grace_period_seconds} by default`);
  });
});
