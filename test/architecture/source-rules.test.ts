import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, filesBelow, isGenerated, ROOT, read } from './source-tree.ts';

const MAX_LINES = 320;

const written = ['src', 'test', 'scripts'].flatMap(filesBelow).filter((file) => !isGenerated(file));
const typescript = written.filter((file) => file.endsWith('.ts'));
const source = typescript.filter((file) => file.startsWith('src/'));

/** Lines that match, as `file:line: text`. */
function hits(files: readonly string[], pattern: RegExp, textOf: (file: string) => string = read): string[] {
  return files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

describe('source files', () => {
  it('are found at all', () => {
    expect(source.length).toBeGreaterThan(30);
    expect(typescript.length).toBeGreaterThan(source.length + 10);
  });

  it(`are at most ${MAX_LINES} lines long`, () => {
    const long = typescript.flatMap((file) => {
      const lines = read(file).split('\n').length - 1;
      return lines > MAX_LINES ? [`${file}: ${lines} lines`] : [];
    });
    expect(long).toEqual([]);
  });

  it('have kebab-case names', () => {
    const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/;
    // Python's own custom is an underscore.
    const ours = written.filter((file) => !file.endsWith('.py'));
    expect(ours.filter((file) => !file.split(path.sep).every((part) => kebab.test(part)))).toEqual([]);
  });

  it('are named after what is inside', () => {
    const vague = /(?:^|[-/])(?:utils?|helpers?|managers?|misc|common|index)\.ts$/;
    expect(source.filter((file) => vague.test(file))).toEqual([]);
  });

  it('re-export nothing: an import names the file that holds the thing', () => {
    expect(hits(source, /^export (?:type )?(?:\*|\{[^}]*\}) (?:as \w+ )?from /)).toEqual([]);
  });
});

describe('the process', () => {
  it('is ended by main.ts alone', () => {
    // In a worker thread process.exit ends that thread.
    const enders = ['src/main.ts', 'src/language-model/runtime/worker-server.ts'];
    const others = source.filter((file) => !enders.includes(file));
    expect(hits(others, /\bprocess\s*\.\s*(?:exit|exitCode|abort|reallyExit)\b/, codeOf)).toEqual([]);
    expect(hits(['src/main.ts'], /\bprocess\.exit\(/, codeOf).length).toBeGreaterThan(0);
  });

  it('is asked for its environment by main.ts alone, which hands it on', () => {
    const others = source.filter((file) => file !== 'src/main.ts');
    expect(hits(others, /\bprocess\s*\.\s*env\b/, codeOf)).toEqual([]);
  });
});

describe('the domain', () => {
  const domain = source.filter((file) => file.startsWith('src/domain/'));

  it('knows neither the time nor chance', () => {
    expect(domain.length).toBeGreaterThan(10);
    expect(
      hits(domain, /\bMath\s*\.\s*random\b|\bDate\b|\bperformance\s*\.|\bglobalThis\b|\bprocess\s*\./, codeOf),
    ).toEqual([]);
  });

  it('is synchronous', () => {
    expect(
      hits(domain, /\basync\b|\bawait\b|\bPromise\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, codeOf),
    ).toEqual([]);
  });
});

describe('the repository', () => {
  const TEXT =
    /\.(?:ts|cts|mts|js|cjs|mjs|json|jsonc|md|yaml|yml|proto|py|sh|toml|html|css|txt)$|(?:^|\/)(?:Dockerfile|run|LICENSE|\.[a-z]+)$/;
  const texts = filesBelow('.').filter((file) => TEXT.test(file) && file !== 'package-lock.json');

  it('leaves nothing to be finished later', () => {
    // Put together here, so that this file is clean of them too.
    const unfinished = [
      `TO${'DO'}`,
      `FIX${'ME'}`,
      `HA${'CK'}`,
      `X${'XX'}`,
      `for ${'now'}`,
      `not yet ${'implemented'}`,
    ].join('|');
    const code = texts.filter((file) => !file.startsWith('models/'));
    expect(texts.length).toBeGreaterThan(60);
    expect(hits(code, new RegExp(`\\b(?:${unfinished})\\b`))).toEqual([]);
  });

  it('names no folder of the machine that it was written on', () => {
    expect(
      hits(texts, /(?:^|[\s"'`(=:])\/(?:home|Users|root|work|builds|mnt)\/[\w.-]+/).filter(
        (line) => !EXAMPLES.test(line),
      ),
    ).toEqual([]);
    const ownPath = ROOT.split(path.sep).length > 2 ? ROOT : undefined;
    if (ownPath !== undefined) expect(texts.filter((file) => read(file).includes(ownPath))).toEqual([]);
  });
});

/** Home folders of nobody, in tests and documentation. */
const EXAMPLES = /\/home\/(?:node|daisychain|x)\b/;
