import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../../src/domain/planning/make-plan.ts';
import { makeRoomiestPlan } from '../../../../src/domain/planning/roomiest-plan.ts';
import { type GoldenPlan, loadGoldenPlans } from '../../../support/golden-plans.ts';

const inputOf = ({ model, servers, arrivalRatePerSecond, maxLoad }: GoldenPlan) => ({
  model,
  servers,
  arrivalRatePerSecond,
  maxLoad,
});

describe('the roomiest of the plans that are about as fast as the best', () => {
  it.each(loadGoldenPlans().map((golden) => [golden.id, golden] as const))(
    'has the slots of the best or more, within 2 %% of its bound: %s',
    (_, golden) => {
      const snapshot = { ...inputOf(golden), placementPolicy: 'gbp-cr-fill' as const, objective: 'lower' as const };
      const best = makePlan(snapshot);
      const roomiest = makeRoomiestPlan(snapshot);
      expect(roomiest.kind).toBe(best.kind);
      if (best.kind === 'infeasible' || roomiest.kind === 'infeasible') return;
      expect(roomiest.totalSlots).toBeGreaterThanOrEqual(best.totalSlots);
      if (best.responseSeconds === undefined) expect(roomiest).toEqual(best);
      else expect(roomiest.responseSeconds?.lower).toBeLessThanOrEqual(best.responseSeconds.lower * 1.02);
    },
  );

  it('leaves a given reservation alone', () => {
    const [golden] = loadGoldenPlans();
    if (golden === undefined) throw new Error('no golden plan');
    const snapshot = {
      ...inputOf(golden),
      placementPolicy: 'gbp-cr' as const,
      objective: 'lower' as const,
      reservedSlots: 1,
    };
    expect(makeRoomiestPlan(snapshot)).toEqual(makePlan(snapshot));
  });
});
