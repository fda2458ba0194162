import { expect, it } from 'vitest';
import type { PlacementPolicy } from '../../../src/domain/model/plan.ts';
import { makePlan } from '../../../src/domain/planning/make-plan.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../../../src/domain/planning/service-times.ts';
import { createSharedComputePredictor } from '../../../src/simulation/response-predictor.ts';

const meanTokens = { inputTokens: 300, outputTokens: 3 };

/** Six servers of three kinds; a job computes for about two seconds. */
const speeds = new Map(
  Array.from({ length: 6 }, (_, j) => [
    `s${j}`,
    {
      rttSeconds: 0.02 + 0.01 * j,
      overheadSeconds: 0.01,
      overheadSecondsPerBlock: 0.0002,
      prefillSecondsPerTokenPerBlock: 0.0003 + 0.0001 * (j % 3),
      decodeSecondsPerTokenPerBlock: 0.003,
      concurrencySlope: 1,
    },
  ]),
);
const servers = [...speeds].map(([id, own], j) => ({
  id,
  memoryBytes: 30 + 12 * (j % 3),
  communicationSeconds: communicationSeconds(own, meanTokens, 0),
  computationSecondsPerBlock: computationSecondsPerBlock(own, meanTokens),
}));

it('is no slower than any placement alone, by one and the same simulation', () => {
  const arrivalRatePerSecond = 0.6;
  const predictor = createSharedComputePredictor({
    arrivalRatePerSecond,
    meanTokens,
    speeds,
    hiddenBytesPerToken: 0,
    prefillChunkTokens: 100,
  });
  const responseOf = (placementPolicy: PlacementPolicy): number => {
    const plan = makePlan({
      model: { id: 'm', blockCount: 12, blockBytes: 5, cacheBytesPerBlock: 1 },
      servers,
      arrivalRatePerSecond,
      maxLoad: 0.7,
      placementPolicy,
      objective: 'predicted',
      predictor,
    });
    if (plan.kind === 'infeasible') return Number.POSITIVE_INFINITY;
    for (const share of plan.utilisation?.values() ?? []) expect(share).toBeLessThan(1);
    return plan.responseSeconds?.predicted ?? Number.POSITIVE_INFINITY;
  };
  const best = responseOf('best');
  expect(best).toBeLessThan(10);
  expect(best).toBeLessThanOrEqual(1.0005 * responseOf('gbp-cr-fill'));
  expect(best).toBeLessThanOrEqual(1.0005 * responseOf('cg-bp'));
});
