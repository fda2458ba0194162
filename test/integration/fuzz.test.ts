import { expect, it } from 'vitest';
import { fuzz } from '../fuzz/fuzz.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_124);

it('answers thousands of random inputs as the contract says, and holds nothing afterwards', async () => {
  const { counts, problems, completedRequests } = await fuzz({ inputs: 2_500, seed: SEED });
  expect(problems, `seed ${SEED}`).toEqual([]);
  expect(completedRequests).toBeGreaterThan(200);
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(2_500);
}, 60_000);
