import { describe, expect, it } from 'vitest';
import { createPetalsRouter, createWsRrRouter } from '../../../../../src/domain/planning/baselines/baseline-routing.ts';
import { cgBpReservation, placeCgBp } from '../../../../../src/domain/planning/baselines/cg-bp.ts';
import { placeWholeModels } from '../../../../../src/domain/planning/baselines/jffc-only.ts';
import { JobLedger } from '../../../../../src/domain/planning/baselines/job-ledger.ts';
import { placePetals } from '../../../../../src/domain/planning/baselines/petals-placement.ts';
import { indexSwarm } from '../../../../../src/domain/planning/indexed-swarm.ts';
import { server, smallModel } from '../../../../support/swarms.ts';

describe('whole models', () => {
  it('go to servers with room for all blocks and one session', () => {
    const swarm = indexSwarm(smallModel(4), [server('a', 43), server('b', 44), server('c', 99)]);
    expect([...placeWholeModels(swarm, 1).blockCount]).toEqual([0, 4, 4]);
  });
});

describe('PETALS placement', () => {
  it('fills the weakest window first, from the left', () => {
    const servers = [1, 2, 1, 3].map((throughput) => ({ blockCount: 2, throughput }));
    const placement = placePetals(4, servers, [0, 1, 2, 3]);
    // 1 1 0 0 | 1 1 2 2 | 2 2 2 2 | the first of equals
    expect([...placement.firstBlock]).toEqual([0, 2, 0, 0]);
    expect([...placement.blockCount]).toEqual([2, 2, 2, 2]);
  });

  it('leaves out servers without room, and never exceeds the model', () => {
    const servers = [
      { blockCount: 0, throughput: 1 },
      { blockCount: 9, throughput: 1 },
    ];
    expect([...placePetals(4, servers, [1, 0]).blockCount]).toEqual([0, 4]);
  });
});

describe('CG-BP', () => {
  const input = (memories: readonly number[], arrivalRatePerSecond: number) => {
    const swarm = indexSwarm(
      smallModel(4),
      memories.map((memory, j) => server(`s${j}`, memory)),
    );
    return {
      swarm,
      arrivalRatePerSecond,
      rttSeconds: swarm.communicationSeconds,
      outputTokens: 1,
      isHighPerformance: memories.map(() => false),
    };
  };

  it('reserves for more jobs when more arrive, within the memory', () => {
    expect(cgBpReservation(input([60, 60], 0.1))).toBeLessThan(cgBpReservation(input([600, 600], 2)));
    expect(cgBpReservation(input([60, 60], 1e6))).toBe(10);
    expect(cgBpReservation(input([20, 20], 1e6))).toBe(1);
  });

  it('covers every block before it adds to any', () => {
    const placement = placeCgBp(input([24, 24, 24], 0.1), 2);
    expect([...placement.firstBlock]).toEqual([0, 2, 0]);
    expect([...placement.blockCount]).toEqual([2, 2, 2]);
  });
});

describe('a job ledger', () => {
  it('tells what is free by belief and in truth', () => {
    const ledger = new JobLedger([4]);
    ledger.hold(0, { slots: 3, believedEndSeconds: 5, endSeconds: 9 });
    ledger.hold(0, { slots: 1, believedEndSeconds: 7, endSeconds: 2 });
    expect(ledger.believedFreeSlots(0, 1)).toBe(0);
    expect(ledger.believedJobs(0, 1)).toBe(2);
    expect(ledger.secondsUntilFree(0, 1, 1, 'believed')).toBe(4);
    expect(ledger.secondsUntilFree(0, 1, 1, 'actual')).toBe(1);
    expect(ledger.secondsUntilFree(0, 4, 1, 'actual')).toBe(8);
    expect(ledger.secondsUntilFree(0, 5, 1, 'actual')).toBe(Number.POSITIVE_INFINITY);
    expect(ledger.believedFreeSlots(0, 5)).toBe(3);
    expect(ledger.secondsUntilFree(0, 4, 10, 'actual')).toBe(0);
  });
});

describe('baseline routing', () => {
  const swarm = indexSwarm(smallModel(2), [
    server('near', 23, { communicationSeconds: 0 }),
    server('far', 99, { communicationSeconds: 3 }),
  ]);
  const placement = { firstBlock: Int32Array.of(0, 0), blockCount: Int32Array.of(2, 2) };

  it('of WS-RR leaves a full server when waiting there seems to cost more', () => {
    const router = createWsRrRouter({ swarm, placement, slots: [2, 8] });
    const seconds = Array.from({ length: 3 }, () => router.route(0, 100, 0)?.route.servers[0]);
    // The near server takes 0.2 s: its waiting is guessed at 0.2 s while it runs one job, so it goes on attracting jobs.
    expect(seconds).toEqual([0, 0, 0]);
    expect(router.route(0, 1, 0)?.waitSeconds).toBeGreaterThan(20);
  });

  it('of PETALS avoids servers whose sessions seem taken, at a fixed price', () => {
    const router = createPetalsRouter({
      swarm,
      placement,
      slots: [4, 8],
      rttSeconds: [0.01, 0.02],
      serverRttSeconds: [
        [0, 0],
        [0, 0],
      ],
      outputTokens: 1,
      sessionsPerServer: 1,
    });
    expect([0, 0, 0].map((now) => router.route(now, 1, 0)?.route.servers[0])).toEqual([0, 1, 0]);
  });

  it('finds no path where a server has too few slots even when empty', () => {
    expect(createWsRrRouter({ swarm, placement, slots: [1, 1] }).route(0, 1, 0)).toBeUndefined();
  });
});
