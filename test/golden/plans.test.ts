import { describe, expect, it } from 'vitest';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective } from '../../src/domain/model/plan.ts';
import { computeExactResponse, MAX_EXACT_STATES } from '../../src/domain/planning/exact-response-time.ts';
import { chainsForRate, placeGreedily, reservedBlockCounts } from '../../src/domain/planning/gbp-cr.ts';
import { indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import type { GoldenOutcome, GoldenPlan } from '../support/golden-plans.ts';
import { loadGoldenPlans } from '../support/golden-plans.ts';

const RELATIVE = 1e-9;
/** Two objective values this close count as a tie: which c wins is then a matter of the last bits. */
const TIE = 1e-9;

const goldenPlans = loadGoldenPlans();

function expectClose(actual: number | undefined, expected: number): void {
  expect(actual).toBeDefined();
  expect(Math.abs((actual ?? Number.NaN) - expected)).toBeLessThanOrEqual(RELATIVE * Math.abs(expected));
}

function planAt(golden: GoldenPlan, placementPolicy: PlacementPolicy, reservedSlots: number) {
  return makePlan({ ...golden, placementPolicy, objective: 'lower', reservedSlots });
}

function expectPlan(golden: GoldenPlan, placementPolicy: PlacementPolicy, expected: GoldenOutcome): void {
  const plan = planAt(golden, placementPolicy, golden.reservedSlots);
  expect(plan.kind === 'feasible').toBe(expected.feasible);
  if (plan.kind !== 'feasible') return;
  expect(
    plan.placement.map((span) => ({
      server_id: span.serverId,
      first_block: span.firstBlock,
      block_count: span.blockCount,
    })),
  ).toEqual(expected.placement);
  expect(
    plan.chains.map((chain) => ({
      servers: chain.hops.map((hop) => hop.serverId),
      block_counts: chain.hops.map((hop) => hop.blockCount),
      slots: chain.slots,
    })),
  ).toEqual(expected.chains.map(({ servers, block_counts, slots }) => ({ servers, block_counts, slots })));
  plan.chains.forEach((chain, k) => {
    expectClose(chain.serviceSeconds, expected.chains[k]?.service_seconds ?? Number.NaN);
  });
  expect(plan.totalSlots).toBe(expected.total_slots);
  expectClose(plan.serviceRatePerSecond, expected.service_rate_per_second);
  expectClose(plan.responseSeconds?.lower, expected.response_seconds.lower);
  expectClose(plan.responseSeconds?.upper, expected.response_seconds.upper);
}

function closedChains(golden: GoldenPlan, withTarget: boolean): number {
  const swarm = indexSwarm(golden.model, golden.servers);
  const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, golden.reservedSlots));
  const needed = chainsForRate(sequence, golden.arrivalRatePerSecond, golden.maxLoad, golden.reservedSlots);
  return withTarget ? (needed ?? sequence.closings.length) : sequence.closings.length;
}

const objectiveValue: Readonly<
  Record<Exclude<PlanningObjective, 'predicted'>, (plan: FeasiblePlan, golden: GoldenPlan) => number>
> = {
  lower: (plan) => plan.responseSeconds?.lower ?? Number.NaN,
  upper: (plan) => plan.responseSeconds?.upper ?? Number.NaN,
  surrogate: (plan, golden) =>
    plan.reservedSlots * closedChains({ ...golden, reservedSlots: plan.reservedSlots }, true),
};

describe.each(goldenPlans)('the plan of $id', (golden) => {
  it('stops at the rate target as agreed', () => {
    expectPlan(golden, 'gbp-cr', golden.atReservedSlots);
    if (golden.atReservedSlots.feasible) expect(closedChains(golden, true)).toBe(golden.atReservedSlots.closed_chains);
  });

  it('uses every server without the rate target as agreed', () => {
    expectPlan(golden, 'gbp-cr-fill', golden.atReservedSlotsFill);
    if (golden.atReservedSlotsFill.feasible)
      expect(closedChains(golden, false)).toBe(golden.atReservedSlotsFill.closed_chains);
  });

  it.each(['atReservedSlots', 'atReservedSlotsFill'] as const)('has the agreed exact mean response %s', (which) => {
    const expected = golden[which];
    if (expected.exact_mean_response_seconds === undefined) return;
    const chains = expected.chains.map((chain) => ({ slots: chain.slots, serviceSeconds: chain.service_seconds }));
    const exact = computeExactResponse(chains, golden.arrivalRatePerSecond);
    const states = chains.reduce((product, chain) => product * (chain.slots + 1), 1);
    if (exact === undefined) expect(states).toBeGreaterThan(MAX_EXACT_STATES);
    else expectClose(exact, expected.exact_mean_response_seconds);
  });

  it.each([
    ['lower', 'gbp-cr', 'lower'],
    ['upper', 'gbp-cr', 'upper'],
    ['surrogate', 'gbp-cr', 'surrogate'],
    ['lower_fill', 'gbp-cr-fill', 'lower'],
  ] as const)('finds the agreed reservation for %s', (name, placementPolicy, objective) => {
    const expected = golden.search[name];
    const plan = makePlan({ ...golden, placementPolicy, objective, reservedSlots: undefined });
    expect(plan.kind).toBe('feasible');
    if (plan.kind !== 'feasible') return;
    expectClose(objectiveValue[objective](plan, golden), expected.v);
    if (plan.reservedSlots === expected.c) return;
    // Another c is right only where the agreed one is worth the same.
    const agreed = planAt(golden, placementPolicy, expected.c);
    expect(agreed.kind).toBe('feasible');
    if (agreed.kind !== 'feasible') return;
    const difference = objectiveValue[objective](agreed, golden) - objectiveValue[objective](plan, golden);
    expect(Math.abs(difference)).toBeLessThanOrEqual(TIE * expected.v);
  });
});

it('covers fifteen swarms', () => {
  expect(goldenPlans).toHaveLength(15);
});
