import { expect, it } from 'vitest';
import { poissonJobs, typicalJobs } from '../../../src/simulation/workloads.ts';

it('makes the counted sizes one on average and the rate the one wanted, and changes nothing else', () => {
  const jobs = poissonJobs({ jobs: 500, seed: 4, ratePerSecond: 0.5 });
  const typical = typicalJobs(jobs, 0.5, 0.1);
  const counted = typical.sizes.subarray(50);
  expect(counted.reduce((sum, size) => sum + size, 0) / counted.length).toBeCloseTo(1, 12);
  expect((typical.arrivalSeconds.at(-1) ?? 0) * 0.5).toBeCloseTo(500, 9);
  const ratio = (typical.sizes[7] ?? 0) / (jobs.sizes[7] ?? 1);
  typical.sizes.forEach((size, job) => {
    expect(size).toBeCloseTo(ratio * (jobs.sizes[job] ?? 0), 12);
  });
});
