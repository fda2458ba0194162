import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { GGUF_STORAGES } from '../../../../src/language-model/weights/gguf-quantization.ts';
import type { ModelConfig } from '../../../../src/language-model/weights/model-config.ts';
import {
  checkQuantizable,
  GROUP_VALUES,
  quantizeMatrix,
} from '../../../../src/language-model/weights/quantize-matrix.ts';

const NAME = { model: 'm', tensor: 'model.layers.0.mlp.up_proj.weight' };
const GGML_Q8_0 = 8;

describe('quantizeMatrix', () => {
  const group = fc.float32Array({
    minLength: GROUP_VALUES,
    maxLength: GROUP_VALUES,
    noNaN: true,
    noDefaultInfinity: true,
  });

  test.prop([fc.array(group, { minLength: 1, maxLength: 3 })])(
    'is off by half a step of the group at most, a step being 1/127 of its largest value',
    (groups) => {
      const values = Float32Array.from(groups.flatMap((each) => [...each]));
      const { codes, scales } = quantizeMatrix(values, NAME);
      for (const [i, value] of values.entries()) {
        const first = Math.floor(i / GROUP_VALUES) * GROUP_VALUES;
        const largest = Math.max(...values.subarray(first, first + GROUP_VALUES).map(Math.abs));
        const restored = (codes[i]! - 128) * scales[first / GROUP_VALUES]!;
        expect(codes[i]).toBeGreaterThan(0);
        // The scale itself is rounded to float32, down to the smallest number that has one.
        expect(Math.abs(restored - value)).toBeLessThanOrEqual((largest / 254) * (1 + 1e-5) + 127 * 2 ** -149);
      }
    },
  );

  test.prop([
    fc.array(fc.integer({ min: -127, max: 127 }), { minLength: 31, maxLength: 31 }),
    fc.integer({ min: 0x2000, max: 0x5000 }),
  ])('gives back the codes of a Q8_0 group', (numbers, halfFloatScale) => {
    const stored = [...numbers, 127];
    const bytes = Uint8Array.of(halfFloatScale & 255, halfFloatScale >> 8, ...stored.map((each) => each & 255));
    const values = new Float32Array(GROUP_VALUES);
    GGUF_STORAGES.get(GGML_Q8_0)!.widen(bytes, values);
    expect([...quantizeMatrix(values, NAME).codes]).toEqual(stored.map((each) => each + 128));
  });

  it('has the code of zero for a group of zeros', () => {
    const { codes, scales } = quantizeMatrix(new Float32Array(GROUP_VALUES), NAME);
    expect(new Set(codes)).toEqual(new Set([128]));
    expect([...scales]).toEqual([0]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'refuses %s and names the tensor',
    (value) => {
      const values = new Float32Array(2 * GROUP_VALUES).fill(1);
      values[40] = value;
      expect(() => quantizeMatrix(values, NAME)).toThrow(
        expect.objectContaining({ code: 'DSP_BAD_WEIGHTS', param: NAME.tensor }),
      );
    },
  );
});

describe('checkQuantizable', () => {
  const shape = { hiddenSize: 64, headCount: 4, headDimension: 16, feedForwardSize: 96 } as ModelConfig;

  it('accepts rows of whole groups', () => {
    expect(() => checkQuantizable('m', shape)).not.toThrow();
  });

  it.each<[string, Partial<ModelConfig>]>([
    ['hidden size of m is 60', { hiddenSize: 60 }],
    ['heads together of m is 72', { headDimension: 18 }],
    ['feed-forward size of m is 100', { feedForwardSize: 100 }],
  ])('refuses when the %s', (problem, change) => {
    const error = { code: 'DSP_INVALID_ARGUMENT', param: 'dtype', message: expect.stringContaining(problem) };
    expect(() => checkQuantizable('m', { ...shape, ...change })).toThrow(expect.objectContaining(error));
  });
});
