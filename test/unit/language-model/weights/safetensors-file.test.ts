import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SafetensorsFile } from '../../../../src/language-model/weights/safetensors-file.ts';
import { safetensorsBytes } from '../../../support/safetensors-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function write(bytes: Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}.safetensors`);
  writeFileSync(path, bytes);
  return path;
}

const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const u16 = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

describe('SafetensorsFile', () => {
  it('reads F32, F16 and BF16 as float32', async () => {
    const header = {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      b: { dtype: 'F16', shape: [2, 2], data_offsets: [8, 16] },
      c: { dtype: 'BF16', shape: [2], data_offsets: [16, 20] },
    };
    const data = Buffer.concat([f32(1.5, -2), u16(0x3c00, 0xc000, 0x0001, 0x7c00), u16(0x3f80, 0xc040)]);
    const file = await SafetensorsFile.open(write(safetensorsBytes(header, data)));
    expect([...(await file.read('a', [2]))]).toEqual([1.5, -2]);
    expect([...(await file.read('b', [2, 2]))]).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY]);
    expect([...(await file.read('c', [2]))]).toEqual([1, -3]);
    await file.close();
  });

  it('reads tensors larger than one piece', async () => {
    const values = Float32Array.from({ length: 3_000_000 }, (_, i) => i % 1000);
    const header = { a: { dtype: 'F32', shape: [3_000_000], data_offsets: [0, values.byteLength] } };
    const file = await SafetensorsFile.open(write(safetensorsBytes(header, new Uint8Array(values.buffer))));
    expect(Buffer.compare(Buffer.from((await file.read('a', [3_000_000])).buffer), Buffer.from(values.buffer))).toBe(0);
    await file.close();
  });

  it('names the tensor when it is missing, of another shape or of another type', async () => {
    const header = { a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } };
    const file = await SafetensorsFile.open(write(safetensorsBytes(header, new Uint8Array(8))));
    await expect(file.read('b', [1])).rejects.toMatchObject({ code: 'DSP_BAD_WEIGHTS', param: 'b' });
    await expect(file.read('a', [1])).rejects.toThrow('dtype I64');
    await file.close();
    const sound = { a: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } };
    const other = await SafetensorsFile.open(write(safetensorsBytes(sound, new Uint8Array(8))));
    await expect(other.read('a', [2, 1])).rejects.toThrow('has shape [1, 2], not [2, 1]');
    await other.close();
  });

  const eight = new Uint8Array(8);
  const tensor = (offsets: unknown, shape: unknown = [2], dtype: unknown = 'F32') => ({
    a: { dtype, shape, data_offsets: offsets },
  });
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'cut short'],
    ['a file shorter than its length field', new Uint8Array(5), 'cut short'],
    ['a header longer than the file', safetensorsBytes('{}', eight, 10_000n), 'claims 10000 bytes'],
    ['a header of 2^63 bytes', safetensorsBytes('{}', eight, 2n ** 63n), 'header claims'],
    ['a header that is no JSON', safetensorsBytes('{"a":', eight), 'not valid JSON'],
    ['a header that is a list', safetensorsBytes('[]', eight), 'JSON object'],
    ['an entry that is no object', safetensorsBytes({ a: 3 }, eight), 'a.dtype'],
    ['a negative size', safetensorsBytes(tensor([0, 8], [-2]), eight), 'a.shape'],
    ['a fractional offset', safetensorsBytes(tensor([0, 7.5]), eight), 'a.data_offsets'],
    ['three offsets', safetensorsBytes(tensor([0, 4, 8]), eight), 'a.data_offsets'],
    ['offsets the wrong way round', safetensorsBytes(tensor([8, 0]), eight), 'outside the file'],
    ['offsets past the end', safetensorsBytes(tensor([0, 16], [4]), eight), 'outside the file'],
    ['offsets that do not fit the shape', safetensorsBytes(tensor([0, 8], [3]), eight), 'a.data_offsets'],
    ['sizes whose product overflows', safetensorsBytes(tensor([0, 8], [2 ** 40, 2 ** 40]), eight), 'a.data_offsets'],
    ['bytes that belong to no tensor', safetensorsBytes(tensor([0, 4], [1]), eight), 'belong to no tensor'],
    [
      'overlapping tensors',
      safetensorsBytes({ ...tensor([0, 8]), b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, eight),
      'overlap',
    ],
    ['a hole before the first tensor', safetensorsBytes(tensor([4, 8], [1]), eight), 'hole'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(SafetensorsFile.open(write(bytes))).rejects.toMatchObject({
      code: 'DSP_BAD_WEIGHTS',
      message: expect.stringContaining(message),
    });
  });

  it('refuses a file that was cut short after it was opened', async () => {
    const path = write(safetensorsBytes(tensor([0, 8]), eight));
    const file = await SafetensorsFile.open(path);
    writeFileSync(path, safetensorsBytes(tensor([0, 8]), new Uint8Array(4)));
    await expect(file.read('a', [2])).rejects.toThrow('cut short');
    await file.close();
  });
});
