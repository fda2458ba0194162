import { describe, expect, it } from 'vitest';
import { decodeHidden, encodeHidden } from '../../../../../src/adapters/wire/petals/tensor-codec.ts';

const values = Float32Array.of(1, -2.5, 1 / 3, 65_504, 1e-7, 0);

describe('hidden states of PETALS', () => {
  it('keeps float32 to the bit', () => {
    const tensor = encodeHidden(values, 2, 3, 'float32');
    expect(tensor).toMatchObject({ size: [1, 2, 3], dtype: 'float32', compression: 0 });
    expect(decodeHidden(tensor, 3)).toEqual({ kind: 'hidden', rows: 2, hidden: values });
  });

  it('rounds float16 to the nearest', () => {
    const tensor = encodeHidden(values, 2, 3, 'float16');
    expect(tensor.buffer).toHaveLength(12);
    const decoded = decodeHidden(tensor, 3);
    expect(decoded.kind === 'hidden' && [...decoded.hidden]).toEqual([
      1, -2.5, 0.333251953125, 65_504, 1.1920928955078125e-7, 0,
    ]);
  });

  it('carries every float16 there is over and back', () => {
    const bytes = Buffer.alloc(2 * 65_536);
    for (let i = 0; i < 65_536; i += 1) bytes.writeUInt16LE(i, 2 * i);
    const tensor = { buffer: bytes, size: [1, 65_536, 1], dtype: 'float16', compression: 0 };
    const decoded = decodeHidden(tensor, 1);
    const hidden = decoded.kind === 'hidden' ? decoded.hidden : new Float32Array(0);
    const back = encodeHidden(hidden, 65_536, 1, 'float16').buffer;
    for (let i = 0; i < 65_536; i += 1) if (!Number.isNaN(hidden[i])) expect(back.readUInt16LE(2 * i)).toBe(i);
  });

  it('rounds ties to even and what is too large to infinity', () => {
    const ties = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 65_520, -1e10);
    const decoded = decodeHidden(encodeHidden(ties, 5, 1, 'float16'), 1);
    expect(decoded.kind === 'hidden' && [...decoded.hidden]).toEqual([
      1,
      1 + 2 ** -9,
      65_504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('reads bfloat16 in both of the forms that servers send', () => {
    const half = { buffer: Buffer.from('c03f20c0', 'hex'), size: [1, 1, 2], dtype: 'bfloat16', compression: 0 };
    expect(decodeHidden(half, 2)).toEqual({ kind: 'hidden', rows: 1, hidden: Float32Array.of(1.5, -2.5) });
    const whole = {
      buffer: Buffer.from(Float32Array.of(1.5, -2.5).buffer),
      size: [1, 1, 2],
      dtype: 'bfloat16',
      compression: 0,
    };
    expect(decodeHidden(whole, 2)).toEqual({ kind: 'hidden', rows: 1, hidden: Float32Array.of(1.5, -2.5) });
  });

  it.each([
    ['no tensor', undefined],
    ['two dimensions', { size: [2, 3] }],
    ['a batch of two', { size: [2, 1, 3] }],
    ['another width', { size: [1, 2, 4] }],
    ['more rows than bytes', { size: [1, 4_294_967_295, 3] }],
    ['another dtype', { dtype: 'int64' }],
    ['a compression that was not asked for', { compression: 4 }],
    ['too few bytes', { buffer: Buffer.alloc(20) }],
  ])('tells what is wrong with %s', (_, change) => {
    const tensor = change === undefined ? undefined : { ...encodeHidden(values, 2, 3, 'float32'), ...change };
    expect(decodeHidden(tensor, 3)).toMatchObject({ kind: 'malformed' });
  });
});
