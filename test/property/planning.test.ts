import '../support/fixed-seed.ts';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Placement } from '../../src/domain/model/placement.ts';
import type { FeasiblePlan } from '../../src/domain/model/plan.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { chainsForRate, placeGreedily, reservedBlockCounts } from '../../src/domain/planning/gbp-cr.ts';
import { composeChains } from '../../src/domain/planning/gca.ts';
import type { IndexedPlacement, IndexedSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { indexPlacement, indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import type { PlanningSnapshot } from '../../src/domain/planning/make-plan.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { largestReservation } from '../../src/domain/planning/reservation-runs.ts';

const BLOCK_BYTES = 10;
const CACHE_BYTES = 3;

/** Tenths of seconds, so that equal costs (ties) are common. */
const communication = fc.integer({ min: 0, max: 8 }).map((tenths) => tenths / 10);
const computation = fc.integer({ min: 1, max: 5 }).map((tenths) => tenths / 10);

const server = (id: string, maxMemory: number): fc.Arbitrary<Server> =>
  fc.record({
    id: fc.constant(id),
    memoryBytes: fc.integer({ min: 1, max: maxMemory }),
    communicationSeconds: communication,
    computationSecondsPerBlock: computation,
  });

const servers = (maxCount: number, maxMemory: number): fc.Arbitrary<Server[]> =>
  fc
    .integer({ min: 1, max: maxCount })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, j) => server(`s${j}`, maxMemory))));

const snapshots: fc.Arbitrary<PlanningSnapshot> = fc
  .record({
    blockCount: fc.integer({ min: 1, max: 9 }),
    servers: servers(8, 140),
    arrivalRatePerSecond: fc.constantFrom(0.01, 0.3, 1, 4, 20),
    maxLoad: fc.constantFrom(0.5, 0.7, 1),
    placementPolicy: fc.constantFrom('gbp-cr' as const, 'gbp-cr-fill' as const),
    objective: fc.constantFrom('lower' as const, 'upper' as const, 'surrogate' as const),
    reservedSlots: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    pins: fc.array(fc.tuple(fc.nat(7), fc.nat(8), fc.integer({ min: 1, max: 9 })), { maxLength: 3 }),
  })
  .map(({ blockCount, pins, ...rest }) => {
    const pinnedSpans = new Map(
      pins.flatMap(([j, first, count]) => {
        const firstBlock = Math.min(first, blockCount - 1);
        const id = rest.servers[j]?.id;
        return id === undefined ? [] : [[id, { firstBlock, blockCount: Math.min(count, blockCount - firstBlock) }]];
      }),
    );
    const model = { id: 'm', blockCount, blockBytes: BLOCK_BYTES, cacheBytesPerBlock: CACHE_BYTES };
    return { ...rest, model, pinnedSpans };
  });

/** A placement of at most five servers at any spans, and any memory: also ones that GBP-CR would never make. */
const placements = fc
  .tuple(fc.integer({ min: 1, max: 6 }), servers(5, 110))
  .chain(([blockCount, all]) =>
    fc.record({
      blockCount: fc.constant(blockCount),
      servers: fc.constant(all),
      spans: fc.tuple(...all.map(() => fc.tuple(fc.nat(blockCount - 1), fc.integer({ min: 1, max: blockCount })))),
    }),
  )
  .map(({ blockCount, servers: all, spans }) => {
    const model = { id: 'm', blockCount, blockBytes: BLOCK_BYTES, cacheBytesPerBlock: CACHE_BYTES };
    const swarm = indexSwarm(model, all);
    const placement: Placement = all.map((one, j) => {
      const [firstBlock = 0, count = 1] = spans[j] ?? [];
      return { serverId: one.id, firstBlock, blockCount: Math.min(count, blockCount - firstBlock) };
    });
    return { swarm, placement: indexPlacement(swarm, placement) };
  });

/** Every path by depth-first search; the length of the shortest one for which every hop has room. */
function shortestByBruteForce(swarm: IndexedSwarm, placement: IndexedPlacement, slots: readonly number[]): number {
  let shortest = Number.POSITIVE_INFINITY;
  const visit = (position: number, seconds: number): void => {
    if (position === swarm.blockCount) {
      shortest = Math.min(shortest, seconds);
      return;
    }
    slots.forEach((free, j) => {
      const first = placement.firstBlock[j] ?? 0;
      const end = first + (placement.blockCount[j] ?? 0);
      const blocks = end - position;
      if (first > position || blocks < 1 || free < blocks) return;
      visit(end, seconds + (swarm.communicationSeconds[j] ?? 0) + (swarm.computationSeconds[j] ?? 0) * blocks);
    });
  };
  visit(0, 0);
  return shortest;
}

describe('chain composition', () => {
  test.prop([placements])(
    'takes a shortest path with room in every round, until there is none',
    ({ swarm, placement }) => {
      const slots = [...placement.blockCount].map((count, j) =>
        Math.max(0, Math.floor(((swarm.memoryBytes[j] ?? 0) - BLOCK_BYTES * count) / CACHE_BYTES)),
      );
      const chains = composeChains(swarm, placement) ?? [];
      for (const chain of chains) {
        expect(chain.serviceSeconds).toBeCloseTo(shortestByBruteForce(swarm, placement, slots), 9);
        const room = Math.min(
          ...chain.servers.map((j, h) => Math.floor((slots[j] ?? 0) / (chain.blockCounts[h] ?? 0))),
        );
        expect(chain.slots).toBe(room);
        chain.servers.forEach((j, h) => {
          slots[j] = (slots[j] ?? 0) - chain.slots * (chain.blockCounts[h] ?? 0);
        });
      }
      expect(shortestByBruteForce(swarm, placement, slots)).toBe(Number.POSITIVE_INFINITY);
      expect(new Set(chains.map((chain) => `${chain.servers}/${chain.blockCounts}`)).size).toBe(chains.length);
    },
  );
});

function feasibleOnly(snapshot: PlanningSnapshot): FeasiblePlan | undefined {
  const plan = makePlan(snapshot);
  return plan.kind === 'feasible' ? plan : undefined;
}

describe('every plan', () => {
  test.prop([snapshots])(
    'covers all blocks exactly once with each chain, in order, on blocks that are held',
    (snapshot) => {
      const plan = feasibleOnly(snapshot);
      for (const chain of plan?.chains ?? []) {
        let position = 0;
        for (const hop of chain.hops) {
          expect(hop.firstBlock).toBe(position);
          expect(hop.blockCount).toBeGreaterThan(0);
          const held = plan?.placement.find((span) => span.serverId === hop.serverId);
          expect(held?.firstBlock).toBeLessThanOrEqual(hop.firstBlock);
          expect((held?.firstBlock ?? 0) + (held?.blockCount ?? 0)).toBe(hop.firstBlock + hop.blockCount);
          position += hop.blockCount;
        }
        expect(position).toBe(snapshot.model.blockCount);
      }
    },
  );

  test.prop([snapshots])('never gives away more memory than a server has', (snapshot) => {
    const plan = feasibleOnly(snapshot);
    for (const span of plan?.placement ?? []) {
      const caches = (plan?.chains ?? [])
        .flatMap((chain) => chain.hops.map((hop) => ({ ...hop, slots: chain.slots })))
        .filter((hop) => hop.serverId === span.serverId)
        .reduce((sum, hop) => sum + hop.blockCount * hop.slots, 0);
      const memory = snapshot.servers.find((one) => one.id === span.serverId)?.memoryBytes ?? 0;
      const isPinned = snapshot.pinnedSpans?.has(span.serverId) ?? false;
      if (!isPinned || caches > 0)
        expect(span.blockCount * BLOCK_BYTES + caches * CACHE_BYTES).toBeLessThanOrEqual(memory);
    }
  });

  test.prop([snapshots])('lists chains by ascending service time, each once, and bounds in order', (snapshot) => {
    const plan = feasibleOnly(snapshot);
    const seconds = (plan?.chains ?? []).map((chain) => chain.serviceSeconds);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
    const ids = (plan?.chains ?? []).map((chain) => chain.id);
    expect(new Set(ids).size).toBe(ids.length);
    if (plan?.responseSeconds !== undefined) {
      const { lower, upper } = plan.responseSeconds;
      expect(lower).toBeLessThanOrEqual(upper * (1 + 1e-12));
      expect(lower).toBeGreaterThanOrEqual((seconds[0] ?? 0) * (1 - 1e-12));
    }
    if (plan !== undefined) {
      expect(plan.responseSeconds === undefined).toBe(plan.serviceRatePerSecond <= snapshot.arrivalRatePerSecond);
    }
  });

  test.prop([snapshots])('keeps pinned spans', (snapshot) => {
    const plan = feasibleOnly(snapshot);
    if (plan === undefined) return;
    for (const [serverId, span] of snapshot.pinnedSpans ?? []) {
      expect(plan.placement.find((placed) => placed.serverId === serverId)).toEqual({ serverId, ...span });
    }
  });

  test.prop([snapshots])('is the same for the same snapshot', (snapshot) => {
    expect(makePlan(structuredClone(snapshot))).toEqual(makePlan(snapshot));
  });

  test.prop([snapshots])('exists where every server can be put somewhere to complete the model', (snapshot) => {
    const free = snapshot.servers.filter((one) => !snapshot.pinnedSpans?.has(one.id));
    const places = free.reduce(
      (sum, one) =>
        sum + Math.min(snapshot.model.blockCount, Math.floor(one.memoryBytes / (BLOCK_BYTES + CACHE_BYTES))),
      0,
    );
    const isSearched = snapshot.reservedSlots === undefined;
    if (isSearched && places >= snapshot.model.blockCount) expect(makePlan(snapshot).kind).toBe('feasible');
  });
});

describe('Lemma 1', () => {
  test.prop([snapshots])('the composed chains serve at least what the disjoint chains reserve', (snapshot) => {
    const reservedSlots = snapshot.reservedSlots ?? 1;
    const unpinned = { ...snapshot, reservedSlots, pinnedSpans: undefined };
    const plan = feasibleOnly(unpinned);
    if (plan === undefined) return;
    const swarm = indexSwarm(snapshot.model, snapshot.servers);
    const sequence = placeGreedily(swarm, reservedBlockCounts(swarm, reservedSlots));
    const stop =
      snapshot.placementPolicy === 'gbp-cr-fill'
        ? undefined
        : chainsForRate(sequence, snapshot.arrivalRatePerSecond, snapshot.maxLoad, reservedSlots);
    const closing = sequence.closings[(stop ?? sequence.closings.length) - 1];
    expect(plan.serviceRatePerSecond).toBeGreaterThanOrEqual(
      reservedSlots * (closing?.rateOfOneSlot ?? 0) * (1 - 1e-12),
    );
  });
});

describe('the search', () => {
  test.prop([snapshots])('finds the best of all reservations tried one by one', (snapshot) => {
    fc.pre(snapshot.objective !== 'surrogate');
    const searched = makePlan({ ...snapshot, reservedSlots: undefined });
    const objectiveValue = (plan: ReturnType<typeof makePlan>): number | undefined =>
      plan.kind === 'feasible' && snapshot.objective !== 'surrogate'
        ? plan.responseSeconds?.[snapshot.objective]
        : undefined;
    let best: number | undefined;
    const largest = Math.max(1, largestReservation(indexSwarm(snapshot.model, snapshot.servers, snapshot.pinnedSpans)));
    for (let reservedSlots = 1; reservedSlots <= largest; reservedSlots += 1) {
      const value = objectiveValue(makePlan({ ...snapshot, reservedSlots }));
      if (value !== undefined && (best === undefined || value < best)) best = value;
    }
    if (best === undefined) expect(objectiveValue(searched)).toBeUndefined();
    else expect(objectiveValue(searched)).toBeCloseTo(best, 9);
  });
});
