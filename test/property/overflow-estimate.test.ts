import '../support/fixed-seed.ts';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { computeExactResponse } from '../../src/domain/planning/exact-response-time.ts';
import { erlangLoss, estimateOverflow } from '../../src/domain/planning/overflow-estimate.ts';
import { computeResponseBounds, serviceRate } from '../../src/domain/planning/response-time-bounds.ts';
import { erlangC } from '../support/erlang-c.ts';

/** Up to four chains, fastest first, of a few slots each: what can be solved. */
const chains = fc
  .array(
    fc.record({ slots: fc.integer({ min: 1, max: 5 }), serviceSeconds: fc.double({ min: 1, max: 4, noNaN: true }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((drawn) => drawn.sort((a, b) => a.serviceSeconds - b.serviceSeconds));
const load = fc.double({ min: 0.02, max: 0.97, noNaN: true });

describe('the estimate by overflow', () => {
  test.prop([chains, load])('lies close to the exact mean', (drawn, share) => {
    const lambda = share * serviceRate(drawn);
    const exact = computeExactResponse(drawn, lambda) ?? Number.NaN;
    const { responseSeconds = Number.NaN } = estimateOverflow(drawn, lambda) ?? {};
    expect(Math.abs(responseSeconds / exact - 1)).toBeLessThan(0.06);
  });

  test.prop([chains, load])('sends every job somewhere, to no chain more than it can serve', (drawn, share) => {
    const lambda = share * serviceRate(drawn);
    const { ratesPerSecond = new Float64Array() } = estimateOverflow(drawn, lambda) ?? {};
    expect(ratesPerSecond.reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(lambda, 6);
    for (const rate of ratesPerSecond) expect(rate).toBeGreaterThanOrEqual(0);
  });

  it.each([
    [1, 0.5],
    [6, 2],
    [20, 9],
  ])('is exact for one chain of %i slots', (slots, lambda) => {
    const estimate = estimateOverflow([{ slots, serviceSeconds: 1.9 }], lambda)?.responseSeconds;
    expect(estimate).toBeCloseTo(erlangC(slots, 1.9, lambda), 6);
  });

  it('is undefined where more arrives than is served', () => {
    expect(estimateOverflow([{ slots: 2, serviceSeconds: 1 }], 2)).toBeUndefined();
    expect(estimateOverflow([], 0.1)).toBeUndefined();
  });
});

describe('an exact mean without the chains that are never reached', () => {
  test.prop([chains, load], { numRuns: 25 })('is that of all chains', (drawn, share) => {
    const lambda = share * serviceRate(drawn);
    // Chains slower than all others, behind enough slots to be out of reach.
    const roomy = [...drawn, { slots: 40, serviceSeconds: 4.5 }];
    const unreached = Array.from({ length: 6 }, (_, k) => ({ slots: 50, serviceSeconds: 5 + k }));
    const mean = computeExactResponse(roomy, lambda);
    const withUnreached = computeExactResponse([...roomy, ...unreached], lambda);
    if (mean === undefined || withUnreached === undefined) return;
    expect(withUnreached).toBeCloseTo(mean, 8);
    expect(withUnreached).toBeLessThanOrEqual((computeResponseBounds(roomy, lambda)?.upper ?? 0) + 1e-9);
  });
});

describe("Erlang's loss formula", () => {
  it('loses everything without slots, half with one for an offered load of one', () => {
    expect(erlangLoss(0, 3)).toBe(1);
    expect(erlangLoss(1, 1)).toBeCloseTo(0.5, 12);
    expect(erlangLoss(3, 1)).toBeCloseTo(1 / 16, 12);
  });
});
