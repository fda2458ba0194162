import { describe, expect, it } from 'vitest';
import { encodeSessionReply, encodeSessionRequest } from '../../../../src/adapters/wire/block-server-codec.ts';
import { MAX_MESSAGE_BYTES, maxRowsPerStep } from '../../../../src/adapters/wire/limits.ts';
import { encodeTensor } from '../../../../src/adapters/wire/tensor.ts';

describe('limits of the data plane', () => {
  it.each([1, 96, 576, 8_192, 16_384, 261_888])(
    'lets the largest step of hidden size %i fit a message below 1 MiB',
    (hiddenSize) => {
      const rows = maxRowsPerStep(hiddenSize);
      expect(rows).toBeGreaterThan(0);
      const hidden = encodeTensor(new Float32Array(rows * hiddenSize), rows, hiddenSize);
      const largest = 4_294_967_295;
      const step = encodeSessionRequest({ step: { index: largest, position: largest, returnTokens: largest, hidden } });
      const result = encodeSessionReply({ result: { index: largest, hidden, computeSeconds: 1e300 } });
      expect(step.byteLength).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
      expect(result.byteLength).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
      expect(MAX_MESSAGE_BYTES).toBeLessThan(1024 * 1024);
    },
  );

  it('has no step for a row that is larger than a message', () => {
    expect(maxRowsPerStep(262_144)).toBe(0);
  });
});
