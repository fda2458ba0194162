import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { petalsModelFolder } from '../../../src/commands/agent/petals-model.ts';
import { TINY_AUSTEN } from '../../support/tiny-austen.ts';
import { tinyAustenGguf } from '../../support/tiny-austen-gguf.ts';

const never = new AbortController().signal;

describe('petalsModelFolder', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'petals-model-'));
  const gguf = join(scratch, 'small.gguf');
  beforeAll(async () => writeFileSync(gguf, await tinyAustenGguf()));
  afterAll(() => rmSync(scratch, { recursive: true }));

  it('is the folder of the model itself where PETALS reads it', async () => {
    const folder = await petalsModelFolder(TINY_AUSTEN, scratch, never, () => {});
    expect(folder).toBe(TINY_AUSTEN);
    expect(readdirSync(scratch)).toEqual(['small.gguf']);
  });

  it('is written once by agents that need it at the same time, and again when the file has changed', async () => {
    const written: string[] = [];
    const ask = (): Promise<string> => petalsModelFolder(gguf, scratch, never, (folder) => written.push(folder));
    const folders = await Promise.all([ask(), ask(), ask()]);
    expect(new Set(folders)).toEqual(new Set(written));
    expect(written).toHaveLength(1);
    expect(readdirSync(written[0]!).sort()).toEqual(['config.json', 'model.safetensors']);
    utimesSync(gguf, new Date(), new Date(Date.now() + 60_000));
    expect(await ask()).not.toBe(written[0]);
    expect(written).toHaveLength(2);
    // Neither locks nor parts are left.
    expect(readdirSync(join(scratch, 'petals-models'))).toHaveLength(2);
  });

  it('leaves nothing behind when it is broken off', async () => {
    const cache = mkdtempSync(join(scratch, 'cache-'));
    const abort = new AbortController();
    const asked = petalsModelFolder(gguf, cache, abort.signal, () => abort.abort());
    await expect(asked).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    expect(readdirSync(join(cache, 'petals-models'))).toEqual([]);
  });
});
