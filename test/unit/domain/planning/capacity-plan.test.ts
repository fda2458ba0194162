import { describe, expect, it } from 'vitest';
import { planCapacity } from '../../../../src/domain/planning/capacity-plan.ts';
import type { PlanningSnapshot } from '../../../../src/domain/planning/make-plan.ts';
import { makePlan } from '../../../../src/domain/planning/make-plan.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';
import { server, smallModel } from '../../../support/swarms.ts';

function drawn(seed: number, count = 8): { snapshot: PlanningSnapshot; costPerHour: Map<string, number> } {
  const rng = createRng(seed, 'priced servers');
  const servers = Array.from({ length: count }, (_, j) =>
    server(`s${j}`, Math.floor(25 + 50 * rng.next()), {
      communicationSeconds: 0.3 + rng.next(),
      computationSecondsPerBlock: 0.05 + 0.2 * rng.next(),
    }),
  );
  const costPerHour = new Map(servers.map(({ id, memoryBytes }) => [id, Math.round(memoryBytes * (0.5 + rng.next()))]));
  const snapshot = {
    model: smallModel(10),
    arrivalRatePerSecond: 0.6,
    maxLoad: 0.7,
    servers,
    placementPolicy: 'gbp-cr-fill',
    objective: 'lower',
  } as const;
  return { snapshot, costPerHour };
}

/** Every set of servers, planned on its own: cost of the servers that hold blocks, and the lower bound. */
function everySet({ snapshot, costPerHour }: ReturnType<typeof drawn>): { cost: number; seconds: number }[] {
  return Array.from({ length: 2 ** snapshot.servers.length }, (_, bits) => {
    const servers = snapshot.servers.filter((_, j) => (bits >> j) % 2 === 1);
    const plan = makePlan({ ...snapshot, servers });
    if (plan.kind === 'infeasible') return { cost: Number.POSITIVE_INFINITY, seconds: Number.POSITIVE_INFINITY };
    return {
      cost: plan.placement.reduce((sum, { serverId }) => sum + (costPerHour.get(serverId) ?? 0), 0),
      seconds: plan.responseSeconds?.lower ?? Number.POSITIVE_INFINITY,
    };
  });
}

const cheapestOf = (sets: readonly { cost: number; seconds: number }[], target: number): number =>
  sets.reduce(
    (least, { cost, seconds }) => (seconds <= target ? Math.min(least, cost) : least),
    Number.POSITIVE_INFINITY,
  );

describe('capacity planning', () => {
  it('finds the cheapest of all sets where it can look at every one', () => {
    const question = drawn(1);
    const sets = everySet(question);
    const fastest = Math.min(...sets.map(({ seconds }) => seconds));
    const answer = planCapacity({ ...question, responseTargetSeconds: 1.3 * fastest, budget: 256 });
    expect(answer.cheapest?.costPerHour).toBeCloseTo(cheapestOf(sets, 1.3 * fastest), 9);
    expect(answer.cheapest?.responseSeconds).toBeLessThanOrEqual(1.3 * fastest);
  });

  it('comes close to the cheapest of all sets where it cannot look at every one', () => {
    const ratios = [2, 3, 4, 5, 6, 7].map((seed) => {
      const question = drawn(seed);
      const sets = everySet(question);
      const target = 1.3 * Math.min(...sets.map(({ seconds }) => seconds));
      const answer = planCapacity({ ...question, responseTargetSeconds: target, budget: 120 });
      return (answer.cheapest?.costPerHour ?? Number.POSITIVE_INFINITY) / cheapestOf(sets, target);
    });
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(1 - 1e-9);
    expect(Math.max(...ratios)).toBeLessThan(1.15);
    expect(ratios.filter((ratio) => ratio < 1 + 1e-9).length).toBeGreaterThanOrEqual(4);
  });

  it('tells a front on which more money is less time', () => {
    const { front } = planCapacity({ ...drawn(8), responseTargetSeconds: 10 });
    expect(front.length).toBeGreaterThan(2);
    front.slice(1).forEach((point, at) => {
      expect(point.costPerHour).toBeGreaterThan(front[at]?.costPerHour ?? 0);
      expect(point.responseSeconds).toBeLessThan(front[at]?.responseSeconds ?? 0);
    });
  });

  it('says so when no set meets the target, and still tells the front', () => {
    const answer = planCapacity({ ...drawn(9), responseTargetSeconds: 0.001 });
    expect(answer.cheapest).toBeUndefined();
    expect(answer.front.length).toBeGreaterThan(0);
  });

  it('always pays for servers whose span is pinned', () => {
    const question = drawn(10);
    const pinnedSpans = new Map([['s3', { firstBlock: 0, blockCount: 1 }]]);
    const answer = planCapacity({
      ...question,
      snapshot: { ...question.snapshot, pinnedSpans },
      responseTargetSeconds: 10,
    });
    expect(answer.front.every(({ plan }) => plan.placement.some(({ serverId }) => serverId === 's3'))).toBe(true);
  });
});
