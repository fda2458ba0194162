import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, ROOT } from './source-tree.ts';

interface CruiseReport {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

/** Runs dependency-cruiser over `folder`/src with the rules of the project. */
function cruise(folder: string): CruiseReport {
  const result = spawnSync(
    process.execPath,
    [
      path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      path.join(ROOT, '.dependency-cruiser.cjs'),
      '--output-type',
      'json',
      'src',
    ],
    { cwd: folder, encoding: 'utf8', maxBuffer: 100_000_000 },
  );
  return JSON.parse(result.stdout) as CruiseReport;
}

describe('the layers', () => {
  it('let imports point inward only', () => {
    const report = cruise(ROOT);
    expect(report.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
    // Without a parser that reads TypeScript the tool sees no module and is content.
    const read = report.modules.map(({ source }) => source).filter((source) => /^src\/.*\.ts$/.test(source));
    expect(read.sort()).toEqual(filesBelow('src').filter((file) => file.endsWith('.ts')));
    expect(read.length).toBeGreaterThan(30);
  });

  it.each([
    ['domain-is-pure', 'src/domain/a.ts', `import { b } from '../application/b.ts'; b();`, 'src/application/b.ts'],
    [
      'domain-is-pure',
      'src/domain/a.ts',
      `import type { b } from '../application/b.ts'; export type A = typeof b;`,
      'src/application/b.ts',
    ],
    [
      'domain-has-no-packages',
      'src/domain/a.ts',
      `import { readFileSync } from 'node:fs'; readFileSync('x');`,
      'src/domain/b.ts',
    ],
    [
      'simulation-sees-domain',
      'src/simulation/a.ts',
      `import { b } from '../application/b.ts'; b();`,
      'src/application/b.ts',
    ],
    [
      'language-model-sees-domain',
      'src/language-model/a.ts',
      `import { b } from '../config/b.ts'; b();`,
      'src/config/b.ts',
    ],
    [
      'block-server-sees-domain',
      'src/block-server/a.ts',
      `import { b } from '../adapters/wire/b.ts'; b();`,
      'src/adapters/wire/b.ts',
    ],
    ['config-sees-domain', 'src/config/a.ts', `import { b } from '../commands/b.ts'; b();`, 'src/commands/b.ts'],
    [
      'application-sees-domain',
      'src/application/a.ts',
      `import { b } from '../adapters/http/b.ts'; b();`,
      'src/adapters/http/b.ts',
    ],
    [
      'adapters-see-application',
      'src/adapters/http/a.ts',
      `import { b } from '../../config/b.ts'; b();`,
      'src/config/b.ts',
    ],
    [
      'no-sibling-adapters',
      'src/adapters/http/a.ts',
      `import { b } from '../grpc/b.ts'; b();`,
      'src/adapters/grpc/b.ts',
    ],
    ['no-cycles', 'src/domain/a.ts', `import { b } from './b.ts'; export const a = b;`, 'src/domain/b.ts'],
  ])('refuse %s', (rule, from, source, to) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-layers-'));
    try {
      for (const file of [from, to]) mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, from), source);
      writeFileSync(
        path.join(folder, to),
        rule === 'no-cycles' ? `import { a } from './a.ts'; export const b = () => a;` : 'export const b = () => 1;',
      );
      expect(cruise(folder).summary.violations.map((violation) => violation.rule.name)).toContain(rule);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
