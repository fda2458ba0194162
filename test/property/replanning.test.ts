import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { PlacedSpan, Placement } from '../../src/domain/model/placement.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { isSameSpan } from '../../src/domain/model/span.ts';
import { repairCoverage, TrialBudget } from '../../src/domain/planning/incremental-placement.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { countUncovered, placementOutlook, type SwarmDemand } from '../../src/domain/planning/placement-outlook.ts';
import { decideReplan, type ReplanInput } from '../../src/domain/planning/replan-decision.ts';
import { chooseWave } from '../../src/domain/planning/rollout-wave.ts';

const BLOCK_BYTES = 10;
const CACHE_BYTES = 2;

interface Sketch {
  readonly memoryBytes: number;
  readonly communication: number;
  readonly computation: number;
  /** Where it hosts something now; beyond the model: nothing. */
  readonly firstBlock: number;
  readonly blockCount: number;
}

const sketch: fc.Arbitrary<Sketch> = fc.record({
  memoryBytes: fc.integer({ min: 5, max: 80 }),
  communication: fc.integer({ min: 0, max: 8 }),
  computation: fc.integer({ min: 1, max: 5 }),
  firstBlock: fc.integer({ min: 0, max: 9 }),
  blockCount: fc.integer({ min: 0, max: 6 }),
});

/** Swarms in any state: some servers idle, some blocks on many servers, some on none. */
function swarms(maxServers: number, maxBlocks: number): fc.Arbitrary<SwarmDemand & { readonly current: Placement }> {
  return fc
    .record({
      blockCount: fc.integer({ min: 1, max: maxBlocks }),
      sketches: fc.array(sketch, { minLength: 1, maxLength: maxServers }),
      arrivalRatePerSecond: fc.constantFrom(0.01, 0.2, 1, 5),
      pins: fc.array(fc.nat(maxServers - 1), { maxLength: 1 }),
    })
    .map(({ blockCount, sketches, arrivalRatePerSecond, pins }) => {
      const servers: Server[] = sketches.map((one, j) => ({
        id: `s${j}`,
        memoryBytes: one.memoryBytes,
        communicationSeconds: one.communication / 10,
        computationSecondsPerBlock: one.computation / 10,
      }));
      const current = sketches.flatMap((one, j): PlacedSpan[] => {
        const fits = Math.floor(one.memoryBytes / BLOCK_BYTES);
        const count = Math.min(one.blockCount, fits, blockCount - one.firstBlock);
        return count > 0 ? [{ serverId: `s${j}`, firstBlock: one.firstBlock, blockCount: count }] : [];
      });
      const pinned = new Set(pins.map((j) => `s${j}`).filter((id) => current.some((span) => span.serverId === id)));
      const model = { id: 'm', blockCount, blockBytes: BLOCK_BYTES, cacheBytesPerBlock: CACHE_BYTES };
      return { model, servers, arrivalRatePerSecond, pinned, current };
    });
}

const inputs: fc.Arbitrary<ReplanInput> = fc
  .record({
    swarm: swarms(7, 8),
    reservedSlots: fc.integer({ min: 1, max: 4 }),
    secondsPerBlock: fc.constantFrom(0.1, 1, 20),
    horizonSeconds: fc.constantFrom(10, 600),
    minimumGain: fc.constantFrom(0, 0.05, 0.3),
  })
  .map(({ swarm, ...rest }) => {
    const spans = new Map(swarm.current.map((span) => [span.serverId, span]));
    const wanted = makePlan({
      ...swarm,
      maxLoad: 0.7,
      placementPolicy: 'gbp-cr-fill',
      objective: 'lower',
      pinnedSpans: new Map(
        [...swarm.pinned].flatMap((id) => (spans.has(id) ? [[id, spans.get(id) as PlacedSpan]] : [])),
      ),
    });
    return { ...swarm, ...rest, wanted: wanted.kind === 'feasible' ? wanted.placement : undefined };
  });

/** Whether some choice of at most `moves` spans, each as wide as its server's memory lets it be, makes a chain. */
function canCoverWith(demand: SwarmDemand, placement: Placement, moves: number): boolean {
  if (placementOutlook(demand, placement).chains.length > 0) return true;
  if (moves === 0) return false;
  const { blockCount } = demand.model;
  return demand.servers.some((server) => {
    const width = Math.min(blockCount, Math.floor(server.memoryBytes / (BLOCK_BYTES + CACHE_BYTES)));
    if (width === 0 || demand.pinned.has(server.id)) return false;
    const others = placement.filter((span) => span.serverId !== server.id);
    return Array.from({ length: blockCount - width + 1 }, (_, firstBlock) => firstBlock).some((firstBlock) =>
      canCoverWith(demand, [...others, { serverId: server.id, firstBlock, blockCount: width }], moves - 1),
    );
  });
}

function movesBetween(before: Placement, after: Placement): number {
  const old = new Map(before.map((span) => [span.serverId, span]));
  return after.filter((span) => {
    const was = old.get(span.serverId);
    return was === undefined || !isSameSpan(was, span);
  }).length;
}

describe('repairing coverage', () => {
  test.prop([swarms(4, 6), fc.integer({ min: 1, max: 3 })], { numRuns: 200, seed: 11 })(
    'covers every block again whenever three moves are enough, with as few as it takes, and never without need',
    (swarm, reservedSlots) => {
      const fewest = [0, 1, 2, 3].find((moves) => canCoverWith(swarm, swarm.current, moves));
      fc.pre(fewest !== 0);
      const repaired = repairCoverage(swarm, swarm.current, reservedSlots, new TrialBudget(100))?.placement;
      expect(repaired !== undefined).toBe(fewest !== undefined);
      if (repaired === undefined) return;
      expect(movesBetween(swarm.current, repaired)).toBe(fewest);
      const outlook = placementOutlook(swarm, repaired);
      expect(outlook.uncoveredBlocks).toBe(0);
      expect(outlook.chains.length).toBeGreaterThan(0);
    },
  );
});

describe('the outlook of a placement', () => {
  test.prop([swarms(6, 8)], { numRuns: 300, seed: 12 })(
    'has chains exactly when it counts no block as uncovered',
    (swarm) => {
      const outlook = placementOutlook(swarm, swarm.current);
      expect(outlook.chains.length > 0).toBe(outlook.uncoveredBlocks === 0);
    },
  );
});

describe('deciding about a new placement', () => {
  test.prop([inputs], { numRuns: 300, seed: 13 })(
    'never uncovers blocks, never exceeds a memory, and leaves pinned servers alone',
    (input) => {
      const decision = decideReplan(input);
      const before = placementOutlook(input, input.current);
      expect(decision.outlook.uncoveredBlocks).toBeLessThanOrEqual(before.uncoveredBlocks);
      if (decision.kind === 'keep') return;
      const servers = new Map(input.servers.map((server) => [server.id, server]));
      const old = new Map(input.current.map((span) => [span.serverId, span]));
      for (const span of decision.placement) {
        expect(span.firstBlock).toBeGreaterThanOrEqual(0);
        expect(span.firstBlock + span.blockCount).toBeLessThanOrEqual(input.model.blockCount);
        expect(span.blockCount * BLOCK_BYTES).toBeLessThanOrEqual(servers.get(span.serverId)?.memoryBytes ?? 0);
      }
      for (const move of decision.moves) expect(input.pinned.has(move.serverId)).toBe(false);
      expect(decision.displaced).toBe(decision.moves.filter((move) => old.has(move.serverId)).length);
      expect(placementOutlook(input, decision.placement)).toEqual(decision.outlook);
    },
  );

  test.prop([inputs], { numRuns: 200, seed: 14 })(
    'moves servers that serve only for more than the smallest gain, and for more than the moves cost',
    (input) => {
      const decision = decideReplan(input);
      const before = placementOutlook(input, input.current);
      if (decision.kind === 'keep' || decision.displaced === 0 || before.uncoveredBlocks > 0) return;
      if (!Number.isFinite(before.responseSeconds)) {
        expect(decision.outlook.serviceRatePerSecond).toBeGreaterThan(before.serviceRatePerSecond);
        return;
      }
      expect(decision.outlook.responseSeconds).toBeLessThanOrEqual(
        (1 - input.minimumGain) * before.responseSeconds + 1e-9,
      );
      expect(decision.gainSeconds).toBeGreaterThan(decision.costSeconds);
    },
  );

  test.prop([inputs], { numRuns: 200, seed: 15 })(
    'covers lost blocks whenever three moves, or a new plan, can',
    (input) => {
      const decision = decideReplan(input);
      const canRepair = repairCoverage(input, input.current, input.reservedSlots, new TrialBudget(50)) !== undefined;
      if (canRepair || input.wanted !== undefined) expect(decision.outlook.uncoveredBlocks).toBe(0);
    },
  );

  test.prop([inputs], { numRuns: 100, seed: 16 })(
    'comes to rest: decisions in a row end with one that keeps',
    (input) => {
      let current = input.current;
      let decision = decideReplan(input);
      for (let looks = 0; looks < 12 && decision.kind === 'change'; looks += 1) {
        current = decision.placement;
        decision = decideReplan({ ...input, current });
      }
      expect(decision.kind).toBe('keep');
    },
  );
});

describe('rolling a placement out in waves', () => {
  test.prop([swarms(7, 8), swarms(7, 8), fc.integer({ min: 1, max: 3 })], { numRuns: 300, seed: 17 })(
    'takes no serving server away from a block that no other serves, unless blocks are lost anyway and nothing else is left to do',
    (before, after, limit) => {
      const { blockCount } = before.model;
      const pending = after.current
        .filter((span) => before.servers.some((server) => server.id === span.serverId))
        .map((span) => ({ ...span, firstBlock: 0, blockCount: Math.min(span.blockCount, blockCount) }));
      const wave = chooseWave({ blockCount, serving: before.current, pending, loading: 0, limit });
      const away = new Set(wave.map((move) => move.serverId));
      const hosting = new Set(before.current.map((span) => span.serverId));
      const left = before.current.filter((span) => !away.has(span.serverId));
      const lost = countUncovered(blockCount, left) - countUncovered(blockCount, before.current);
      const displaced = wave.filter((move) => hosting.has(move.serverId)).length;
      expect(displaced).toBeLessThanOrEqual(limit);
      if (lost > 0) {
        expect(wave).toHaveLength(1);
        expect(countUncovered(blockCount, before.current)).toBeGreaterThan(0);
      }
      // Idle servers never wait.
      for (const move of pending) if (!hosting.has(move.serverId)) expect(away).toContain(move.serverId);
    },
  );

  test.prop([inputs, fc.integer({ min: 1, max: 3 })], { numRuns: 300, seed: 18 })(
    'comes to an end without ever leaving a block to nobody, for every change that is decided for its gain',
    (input, limit) => {
      const { blockCount } = input.model;
      const decision = decideReplan(input);
      const lost = countUncovered(blockCount, input.current);
      if (decision.kind === 'keep' || placementOutlook(input, input.current).uncoveredBlocks > 0) return;
      let pending = decision.moves;
      let serving = input.current;
      for (let waves = 0; pending.length > 0; waves += 1) {
        expect(waves).toBeLessThanOrEqual(input.servers.length);
        const wave = chooseWave({ blockCount, serving, pending, loading: 0, limit });
        expect(wave.length).toBeGreaterThan(0);
        const moved = new Set(wave.map((move) => move.serverId));
        serving = serving.filter((span) => !moved.has(span.serverId));
        expect(countUncovered(blockCount, serving)).toBeLessThanOrEqual(lost);
        serving = [...serving, ...wave];
        pending = pending.filter((move) => !moved.has(move.serverId));
      }
      const byId = (a: PlacedSpan, b: PlacedSpan): number => (a.serverId < b.serverId ? -1 : 1);
      expect(serving.filter((span) => span.blockCount > 0).sort(byId)).toEqual([...decision.placement].sort(byId));
    },
  );

  test('orders no serving server away while another one loads and the limit is one', () => {
    const serving = ['a', 'b', 'c'].map((serverId) => ({ serverId, firstBlock: 0, blockCount: 2 }));
    const pending = ['a', 'b'].map((serverId) => ({ serverId, firstBlock: 2, blockCount: 2 }));
    expect(chooseWave({ blockCount: 4, serving, pending, loading: 1, limit: 1 })).toEqual([]);
    expect(chooseWave({ blockCount: 4, serving, pending, loading: 0, limit: 1 })).toEqual([pending[0]]);
  });
});
