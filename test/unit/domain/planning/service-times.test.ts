import { expect, it } from 'vitest';
import { communicationSeconds, computationSecondsPerBlock } from '../../../../src/domain/planning/service-times.ts';

const speeds = {
  rttSeconds: 0.02,
  overheadSeconds: 0.018,
  overheadSecondsPerBlock: 0.001,
  prefillSecondsPerTokenPerBlock: 0.00004,
  decodeSecondsPerTokenPerBlock: 0.0013,
};
const workload = { inputTokens: 2000, outputTokens: 20 };

it('counts one exchange per generated token', () => {
  expect(communicationSeconds(speeds, workload, 0)).toBeCloseTo(20 * 0.038, 12);
});

it('adds the time of the hidden states that go in and come out on a slow link', () => {
  const slow = { ...speeds, bandwidthBytesPerSecond: 1e6 };
  expect(communicationSeconds(slow, workload, 1000)).toBeCloseTo(20 * 0.038 + (2 * 1000 * 2019) / 1e6, 12);
});

it('sums prompt, generated tokens and fixed costs per block', () => {
  expect(computationSecondsPerBlock(speeds, workload)).toBeCloseTo(20 * 0.001 + 0.08 + 19 * 0.0013, 12);
});

it('decodes nothing when one token is generated', () => {
  expect(computationSecondsPerBlock(speeds, { inputTokens: 10, outputTokens: 1 })).toBeCloseTo(0.0014, 12);
});
