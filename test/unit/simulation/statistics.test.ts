import { expect, it } from 'vitest';
import { createRng } from '../../../src/domain/shared/rng.ts';
import { summarize } from '../../../src/simulation/statistics.ts';

const records = (responses: readonly number[], waiting = 0) => ({
  arrivalSeconds: Float64Array.from(responses.keys()),
  startSeconds: Float64Array.from(responses, (_, job) => job + waiting),
  endSeconds: Float64Array.from(responses, (response, job) => job + response),
});

it('splits responses into waiting and service and takes ranks as quantiles', () => {
  const hundred = Array.from({ length: 100 }, (_, k) => k + 1);
  const summary = summarize(records(hundred, 0.5), 0);
  expect(summary.response).toMatchObject({ mean: 50.5, p50: 50, p95: 95, p99: 99 });
  expect(summary.waiting).toEqual({ mean: 0.5, p50: 0.5, p95: 0.5, p99: 0.5 });
  expect(summary.service.mean).toBe(50);
  expect(summary.jobs).toBe(100);
  expect(summary.throughputPerSecond).toBeCloseTo(100 / 199, 12);
});

it('leaves out the warm-up', () => {
  expect(summarize(records([100, 1, 1, 1, 1, 1, 1, 1, 1, 1]), 0.1).response.mean).toBe(1);
});

it('covers the true mean of independent values about nineteen times in twenty', () => {
  const rng = createRng(1, 'coverage');
  let covered = 0;
  for (let run = 0; run < 400; run += 1) {
    const { mean, halfWidth } = summarize(records(Array.from({ length: 200 }, () => rng.next())), 0).response;
    if (Math.abs(mean - 0.5) <= halfWidth) covered += 1;
  }
  expect(covered).toBeGreaterThan(364);
  expect(covered).toBeLessThan(396);
});

it('claims nothing about the mean of too few jobs', () => {
  expect(summarize(records([1, 2, 3]), 0).response.halfWidth).toBe(Number.POSITIVE_INFINITY);
});
