import { describe, expect, it } from 'vitest';
import type { FeasiblePlan, PlanningResult } from '../../../../src/domain/model/plan.ts';
import type { PlanningSnapshot } from '../../../../src/domain/planning/make-plan.ts';
import { makePlan } from '../../../../src/domain/planning/make-plan.ts';
import { largeModel, mixedServers, server, smallModel } from '../../../support/swarms.ts';

function snapshot(overrides: Partial<PlanningSnapshot> = {}): PlanningSnapshot {
  return {
    model: smallModel(4),
    arrivalRatePerSecond: 0.5,
    maxLoad: 0.7,
    servers: [server('a', 40), server('b', 40), server('c', 40)],
    placementPolicy: 'gbp-cr',
    objective: 'lower',
    ...overrides,
  };
}

function feasible(result: PlanningResult): FeasiblePlan {
  if (result.kind !== 'feasible') throw new Error(result.reason);
  return result;
}

function infeasibleReason(result: PlanningResult): string {
  return result.kind === 'infeasible' ? result.reason : 'feasible';
}

describe('a plan', () => {
  it('names what it was made with and sums up its chains', () => {
    const plan = feasible(makePlan(snapshot({ reservedSlots: 2 })));
    expect(plan.placementPolicy).toBe('gbp-cr');
    expect(plan.objective).toBeUndefined();
    expect(plan.reservedSlots).toBe(2);
    expect(plan.totalSlots).toBe(plan.chains.reduce((sum, chain) => sum + chain.slots, 0));
    expect(plan.serviceRatePerSecond).toBeCloseTo(
      plan.chains.reduce((sum, chain) => sum + chain.slots / chain.serviceSeconds, 0),
      12,
    );
    expect(plan.reason).toBeUndefined();
  });

  it('uses every server with gbp-cr-fill', () => {
    expect(feasible(makePlan(snapshot())).placement.length).toBeLessThan(3);
    expect(feasible(makePlan(snapshot({ placementPolicy: 'gbp-cr-fill' }))).placement).toHaveLength(3);
  });

  it('keeps pinned spans and composes chains over them', () => {
    const pinnedSpans = new Map([['c', { firstBlock: 3, blockCount: 1 }]]);
    const plan = feasible(makePlan(snapshot({ pinnedSpans, placementPolicy: 'gbp-cr-fill' })));
    expect(plan.placement.find((span) => span.serverId === 'c')).toEqual({
      serverId: 'c',
      firstBlock: 3,
      blockCount: 1,
    });
  });

  it('serves from pinned servers alone', () => {
    const servers = [server('a', 25), server('b', 25)];
    const pinnedSpans = new Map([
      ['a', { firstBlock: 0, blockCount: 2 }],
      ['b', { firstBlock: 2, blockCount: 2 }],
    ]);
    const plan = feasible(makePlan(snapshot({ servers, pinnedSpans })));
    expect(plan.chains).toHaveLength(1);
    expect(plan.chains[0]?.slots).toBe(2);
    expect(feasible(makePlan(snapshot({ servers, pinnedSpans, objective: 'surrogate' }))).chains).toHaveLength(1);
  });

  it('is feasible without a response time when more arrives than the chains serve', () => {
    const plan = feasible(makePlan(snapshot({ arrivalRatePerSecond: 1000 })));
    expect(plan.responseSeconds).toBeUndefined();
    expect(plan.chains.length).toBeGreaterThan(0);
    expect(plan.reason).toContain('1000 requests per second arrive');
    expect(plan.reason).toContain(`serve ${Number(plan.serviceRatePerSecond.toPrecision(6))}`);
  });

  it('has the largest service rate of all reservations when none is stable', () => {
    const overloaded = snapshot({ arrivalRatePerSecond: 1000, servers: mixedServers(20), model: largeModel });
    const plan = feasible(makePlan(overloaded));
    for (let reservedSlots = 1; reservedSlots <= 40; reservedSlots += 1) {
      const other = makePlan({ ...overloaded, reservedSlots });
      if (other.kind === 'feasible') {
        expect(other.serviceRatePerSecond).toBeLessThanOrEqual(plan.serviceRatePerSecond);
      }
    }
  });

  it('says so when the disjoint chains alone never meet the rate target of the surrogate', () => {
    // All servers are pinned: none closes a chain of GBP-CR, yet their chains serve more than arrives.
    const pinnedSpans = new Map(['a', 'b', 'c'].map((id) => [id, { firstBlock: 0, blockCount: 4 }]));
    const servers = ['a', 'b', 'c'].map((id) => server(id, 80));
    const plan = feasible(makePlan(snapshot({ servers, pinnedSpans, objective: 'surrogate' })));
    expect(plan.responseSeconds).toBeDefined();
    expect(plan.reason).toMatch(/no number of reserved slots .* target of 0\.714286 requests per second/);
  });

  it('is no worse than any reservation the search could have taken', () => {
    const base = snapshot({ servers: mixedServers(12), model: largeModel, arrivalRatePerSecond: 0.1 });
    for (const objective of ['lower', 'upper'] as const) {
      const best = feasible(makePlan({ ...base, objective })).responseSeconds?.[objective] ?? Number.NaN;
      for (let reservedSlots = 1; reservedSlots <= 594; reservedSlots += 1) {
        const other = makePlan({ ...base, reservedSlots });
        const value = other.kind === 'feasible' ? other.responseSeconds?.[objective] : undefined;
        if (value !== undefined) expect(best).toBeLessThanOrEqual(value + 1e-9);
      }
    }
  });
});

describe('a baseline plan', () => {
  const base = snapshot({ servers: mixedServers(20), model: largeModel, arrivalRatePerSecond: 0.1 });

  it.each(['cg-bp', 'petals'] as const)('of %s covers the model and chooses its own reservation', (placementPolicy) => {
    const plan = feasible(makePlan({ ...base, placementPolicy }));
    expect(plan).toMatchObject({ placementPolicy, objective: undefined, reason: undefined });
    expect(plan.placement).toHaveLength(20);
    expect(plan.reservedSlots).toBeGreaterThanOrEqual(1);
    expect(feasible(makePlan({ ...base, placementPolicy, reservedSlots: 3 })).reservedSlots).toBe(3);
  });

  it('of whole models is one chain per server that is large enough', () => {
    const servers = [server('a', 43), server('b', 44), server('c', 88)];
    const plan = feasible(makePlan(snapshot({ servers, placementPolicy: 'jffc-only' })));
    expect(plan.chains.map((chain) => [chain.hops.length, chain.slots])).toEqual([
      [1, 1],
      [1, 12],
    ]);
  });

  it('says how many blocks a placement leaves out', () => {
    const reason = infeasibleReason(makePlan({ ...base, placementPolicy: 'jffc-only' }));
    expect(reason).toContain('leaves 80 of 80 blocks without a server: 0 of 20 servers hold blocks');
  });

  it.each(['cg-bp', 'petals', 'jffc-only'] as const)('of %s keeps pinned spans', (placementPolicy) => {
    const servers = [server('a', 90), server('b', 90), server('c', 90)];
    const pinnedSpans = new Map([['b', { firstBlock: 2, blockCount: 1 }]]);
    const plan = feasible(makePlan(snapshot({ servers, pinnedSpans, placementPolicy })));
    expect(plan.placement).toContainEqual({ serverId: 'b', firstBlock: 2, blockCount: 1 });
  });
});

describe('an infeasible plan', () => {
  it('counts the places that are missing and what they cost', () => {
    const reason = infeasibleReason(makePlan(snapshot({ servers: [server('a', 24), server('b', 15)] })));
    expect(reason).toContain('places for 3 of 4 blocks');
    expect(reason).toContain('a block takes 11 B (10 B of parameters and 1 B of cache for 1 session)');
    expect(reason).toContain('1 more block place would do: 11 B of memory');
  });

  it('tells that fewer reserved slots would do, where they would', () => {
    const reason = infeasibleReason(makePlan(snapshot({ reservedSlots: 100 })));
    expect(reason).toContain('places for 0 of 4 blocks');
    expect(reason).toContain('the largest server has 40 B');
    expect(reason).toContain('fewer reserved slots');
  });

  it('is the answer when a block is larger than every server', () => {
    const model = smallModel(4, { blockBytes: 1_000_000 });
    expect(infeasibleReason(makePlan(snapshot({ model })))).toContain('places for 0 of 4 blocks');
  });

  it('is the answer when there is no server', () => {
    expect(infeasibleReason(makePlan(snapshot({ servers: [] })))).toContain('no servers: 4 blocks need a place');
  });

  it('counts pinned servers as places', () => {
    const pinnedSpans = new Map([['a', { firstBlock: 0, blockCount: 2 }]]);
    const servers = [server('a', 40), server('b', 11)];
    const reason = infeasibleReason(makePlan(snapshot({ servers, pinnedSpans })));
    expect(reason).toContain('3 of 4 blocks have a server (1 server pinned)');
  });

  it('names pinned servers without room for a single session', () => {
    const pinnedSpans = new Map([['a', { firstBlock: 0, blockCount: 4 }]]);
    const reason = infeasibleReason(makePlan(snapshot({ servers: [server('a', 40)], pinnedSpans })));
    expect(reason).toContain('1 server (a) hold too many blocks for their memory');
  });
});
