import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openGgufFile } from '../../../../src/language-model/weights/gguf-file.ts';
import { GGUF_STORAGES } from '../../../../src/language-model/weights/gguf-quantization.ts';
import { entry, type GgufEntry, type GgufTensorBytes, ggufBytes, u32, u64 } from '../../../support/gguf-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'gguf-file-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function write(bytes: Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}.gguf`);
  writeFileSync(path, bytes);
  return path;
}

const SHAPE: Readonly<Record<string, GgufEntry>> = Object.fromEntries(
  [
    entry.text('general.architecture', 'llama'),
    entry.u32('llama.block_count', 2),
    entry.u32('llama.context_length', 64),
    entry.u32('llama.embedding_length', 32),
    entry.u32('llama.feed_forward_length', 64),
    entry.u32('llama.attention.head_count', 2),
    entry.f32('llama.attention.layer_norm_rms_epsilon', 1e-5),
    entry.u32('llama.vocab_size', 10),
  ].map((each) => [each[0], each]),
);

function withEntries(changes: readonly GgufEntry[] = [], without: readonly string[] = []): GgufEntry[] {
  const all = { ...SHAPE, ...Object.fromEntries(changes.map((each) => [each[0], each])) };
  return Object.entries(all).flatMap(([key, value]) => (without.includes(key) ? [] : [value]));
}

const norm = (bytes = new Uint8Array(128), type = 0, dimensions = [32]): GgufTensorBytes => ({
  name: 'output_norm.weight',
  dimensions,
  type,
  bytes,
});

describe('openGgufFile', () => {
  it('reads shape and constants out of the metadata', async () => {
    const weights = await openGgufFile(write(ggufBytes(withEntries(), [norm()])), 'small');
    expect(weights.id).toBe('small');
    expect(weights.config).toEqual({
      blockCount: 2,
      hiddenSize: 32,
      headCount: 2,
      keyValueHeadCount: 2,
      headDimension: 16,
      feedForwardSize: 64,
      vocabularySize: 10,
      contextTokens: 64,
      normEpsilon: 1e-5,
      rotary: { base: 10_000, isInterleaved: true, scaling: { kind: 'none' } },
      isHeadTied: true,
      endTokens: [],
    });
    await weights.close();
  });

  it('reads tensors by the names of Hugging Face, in row-major shape', async () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => i);
    const query: GgufTensorBytes = {
      name: 'blk.1.attn_q.weight',
      dimensions: [32, 2],
      type: 0,
      bytes: new Uint8Array(values.buffer),
    };
    const weights = await openGgufFile(write(ggufBytes(withEntries(), [norm(), query])), 'small');
    expect(await weights.read('model.layers.1.self_attn.q_proj.weight', [2, 32])).toEqual(values);
    expect(weights.has('lm_head.weight')).toBe(false);
    await expect(weights.read('lm_head.weight', [1])).rejects.toMatchObject({ param: 'output.weight' });
    await expect(weights.read('model.norm.weight', [16])).rejects.toThrow('has shape [32], not [16]');
    await weights.close();
  });

  it('refuses to read a storage type that is not supported, and says which are', async () => {
    const weights = await openGgufFile(write(ggufBytes(withEntries(), [norm(new Uint8Array(128), 14)])), 'small');
    await expect(weights.read('model.norm.weight', [32])).rejects.toThrow('F32, F16, Q4_1, Q8_0 are supported');
    await weights.close();
  });

  it.each<[string, GgufEntry[], string[]]>([
    ['general.architecture', [entry.text('general.architecture', 'gpt2')], []],
    ['llama.block_count', [entry.u32('llama.block_count', 0)], []],
    ['llama.block_count', [], ['llama.block_count']],
    ['llama.embedding_length', [entry.text('llama.embedding_length', '32')], []],
    ['num_key_value_heads', [entry.u32('llama.attention.head_count_kv', 3)], []],
    ['llama.rope.dimension_count', [entry.u32('llama.rope.dimension_count', 8)], []],
    ['llama.attention.value_length', [entry.u32('llama.attention.value_length', 8)], []],
    ['llama.rope.scaling.type', [entry.text('llama.rope.scaling.type', 'yarn')], []],
    ['llama.attention.layer_norm_rms_epsilon', [entry.f32('llama.attention.layer_norm_rms_epsilon', 0)], []],
    ['general.alignment', [entry.u32('general.alignment', 0)], []],
    ['eos_token_id', [entry.u32('tokenizer.ggml.eos_token_id', 10)], []],
  ])('names %s when it is wrong', async (param, changes, without) => {
    const path = write(ggufBytes(withEntries(changes, without), [norm()]));
    await expect(openGgufFile(path, 'small')).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param });
  });

  const start = (...parts: Uint8Array[]): Uint8Array => Buffer.concat([Buffer.from('GGUF'), u32(3), ...parts]);
  const sound = ggufBytes(withEntries(), [norm()]);
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'cut short'],
    ['a file of another format', Buffer.from('PK\u0003\u0004 and more'), 'no GGUF file'],
    ['an old version', Buffer.concat([Buffer.from('GGUF'), u32(1)]), 'version'],
    ['a count of 2^60 tensors', start(u64(2n ** 60n), u64(0)), 'tensor_count'],
    ['a count of entries that are not there', start(u64(0), u64(1000)), 'cut short'],
    ['a key of 2^40 bytes', start(u64(0), u64(1), u64(2n ** 40n)), 'string'],
    [
      'an array of 2^27 numbers that are not there',
      start(u64(0), u64(1), u64(1), Buffer.from('k'), u32(9), u32(4), u64(2n ** 27n)),
      'cut short',
    ],
    ['an array of arrays', start(u64(0), u64(1), u64(1), Buffer.from('k'), u32(9), u32(9), u64(1)), 'array of arrays'],
    ['an unknown type', start(u64(0), u64(1), u64(1), Buffer.from('k'), u32(77)), 'unknown type 77'],
    ['a header that is cut short', sound.subarray(0, 200), 'cut short'],
    ['tensors beyond the end', sound.subarray(0, sound.length - 32), 'outside the file'],
    ['five dimensions', ggufBytes(withEntries(), [norm(new Uint8Array(128), 0, [1, 1, 1, 1, 32])]), '5 dimensions'],
    ['rows that are no whole groups', ggufBytes(withEntries(), [norm(new Uint8Array(64), 3, [30])]), 'no whole groups'],
    [
      'sizes whose product overflows',
      ggufBytes(withEntries(), [norm(new Uint8Array(64), 0, [2 ** 50, 2 ** 50])]),
      'outside the file',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(openGgufFile(write(bytes), 'small')).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      message: expect.stringContaining(message),
    });
  });

  it('refuses tensors that overlap', async () => {
    const bytes = Buffer.from(ggufBytes(withEntries(), [norm(), { ...norm(), name: 'output.weight' }]));
    // The offset of the second tensor is the last number of the header.
    bytes.writeBigUInt64LE(32n, bytes.indexOf('output.weight') + 'output.weight'.length + 4 + 8 + 4);
    await expect(openGgufFile(write(bytes), 'small')).rejects.toThrow('overlaps');
  });
});

describe('storage types', () => {
  const widen = (type: number, bytes: Uint8Array, count: number): number[] => {
    const target = new Float32Array(count);
    GGUF_STORAGES.get(type)!.widen(bytes, target);
    return [...target];
  };

  it('Q4_1 is scale times nibble plus minimum, low nibbles first', () => {
    const nibbles = Uint8Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
    // float16: 2.0 and -1.0
    const bytes = Buffer.concat([Uint8Array.of(0x00, 0x40, 0x00, 0xbc), nibbles]);
    const values = widen(3, bytes, 32);
    expect(values.slice(0, 3)).toEqual([-1, 1, 3]);
    expect(values.slice(16, 19)).toEqual([29, 27, 25]);
  });

  it('Q8_0 is scale times signed byte', () => {
    const bytes = Buffer.concat([Uint8Array.of(0x00, 0x38), Uint8Array.from({ length: 32 }, (_, i) => (i - 16) * 8)]);
    const values = widen(8, bytes, 32);
    expect(values.slice(0, 2)).toEqual([-64, -60]);
    expect(values[31]).toBe(60);
  });

  it('F16 and F32 are what they are', () => {
    expect(widen(1, new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer), 2)).toEqual([1, -2]);
    expect(widen(0, new Uint8Array(Float32Array.of(0.5, 3).buffer), 2)).toEqual([0.5, 3]);
  });
});
