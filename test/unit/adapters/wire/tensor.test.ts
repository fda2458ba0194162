import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { decodeSessionReply, encodeSessionReply } from '../../../../src/adapters/wire/block-server-codec.ts';
import { decodeTensor, encodeTensor, isFinite32 } from '../../../../src/adapters/wire/tensor.ts';

describe('tensor framing', () => {
  test.prop([fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 7 }), fc.infiniteStream(fc.float())])(
    'gives back every float32 through a message, whatever its alignment',
    (rows, hiddenSize, values) => {
      const hidden = Float32Array.from(values.take(rows * hiddenSize));
      const message = encodeSessionReply({
        result: { index: 1, hidden: encodeTensor(hidden, rows, hiddenSize), computeSeconds: 0.5 },
      });
      for (let shift = 0; shift < 4; shift += 1) {
        const shifted = Buffer.concat([Buffer.alloc(shift), message]).subarray(shift);
        const decoded = decodeTensor(decodeSessionReply(shifted).result?.hidden, hiddenSize);
        expect(decoded).toEqual({ kind: 'tensor', rows, hidden });
      }
    },
  );

  it('does not copy what it sends', () => {
    const hidden = Float32Array.of(1, 2);
    const { data } = encodeTensor(hidden, 1, 2);
    expect((data as Buffer).buffer).toBe(hidden.buffer);
  });

  it('frames a part of a larger array as that part', () => {
    const { data } = encodeTensor(Float32Array.of(1, 2, 3, 4).subarray(2), 1, 2);
    expect((data as Buffer).readFloatLE(0)).toBe(3);
    expect((data as Buffer).byteLength).toBe(8);
  });

  const tensor = { dtype: 'float32', shape: [1, 2], data: Buffer.alloc(8) };
  it.each([
    [{ ...tensor, dtype: 'float16' }, /dtype "float16"/],
    [{ ...tensor, dtype: '' }, /dtype ""/],
    [{ ...tensor, shape: [] }, /shape \[\]/],
    [{ ...tensor, shape: [2] }, /shape \[2\]/],
    [{ ...tensor, shape: [1, 2, 1] }, /shape \[1, 2, 1\]/],
    [{ ...tensor, shape: [2, 1] }, /in place of \[rows, 2\]/],
    [{ ...tensor, shape: [4_294_967_295, 2] }, /8 bytes in place of/],
    [{ ...tensor, data: Buffer.alloc(7) }, /7 bytes in place of 8/],
    [{ ...tensor, data: Buffer.alloc(0) }, /0 bytes/],
    [undefined, /no tensor/],
    [null, /no tensor/],
  ])('tells what is wrong with a malformed tensor (%#)', (malformed, problem) => {
    expect(decodeTensor(malformed, 2)).toMatchObject({ kind: 'malformed', problem: expect.stringMatching(problem) });
  });

  it('knows finite values from others', () => {
    expect(isFinite32(Float32Array.of(0, -0, 3.4e38, 1e-45, -1))).toBe(true);
    expect(isFinite32(new Float32Array(0))).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(isFinite32(Float32Array.of(1, bad, 2))).toBe(false);
    }
    expect(isFinite32(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))).toBe(false);
  });
});
