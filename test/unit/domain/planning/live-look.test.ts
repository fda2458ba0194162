import { describe, expect, it } from 'vitest';
import { type LiveLook, lookAtPlan, searchForPlan, wantsSearch } from '../../../../src/domain/planning/live-look.ts';
import type { ResponsePredictor } from '../../../../src/domain/planning/response-predictor.ts';
import { computeResponseBounds } from '../../../../src/domain/planning/response-time-bounds.ts';
import { server, smallModel } from '../../../support/swarms.ts';

const ALL = { firstBlock: 0, blockCount: 10 };
const FIRST_HALF = { firstBlock: 0, blockCount: 5 };

/** One slow server has all blocks; two fast ones came with the same half, so that no fast chain is whole. */
const look: LiveLook = {
  model: smallModel(10),
  servers: [
    server('slow', 150, { communicationSeconds: 10 }),
    server('x', 60, { communicationSeconds: 0.1 }),
    server('y', 60, { communicationSeconds: 0.1 }),
  ],
  current: [
    { serverId: 'slow', ...ALL },
    { serverId: 'x', ...FIRST_HALF },
    { serverId: 'y', ...FIRST_HALF },
  ],
  pinnedSpans: new Map(),
  arrivalRatePerSecond: 0.1,
  maxLoad: 0.7,
  placementPolicy: 'gbp-cr-fill',
  objective: 'lower',
  reservedSlots: undefined,
  secondsPerBlock: 0.1,
  horizonSeconds: 600,
  minimumGain: 0.05,
};
const careful: LiveLook = { ...look, placementPolicy: 'best' };
const unlimited = { evaluations: 100, isOver: () => false };

/** Answers with the bound, times `factor` at rates above `from`. */
function predictors(from = Number.POSITIVE_INFINITY, factor: (chains: number) => number = () => 1) {
  return (rate: number): ResponsePredictor => {
    const value: ResponsePredictor['estimate'] = (chains) => {
      const lower = computeResponseBounds(chains, rate)?.lower;
      return lower === undefined || rate < from ? lower : factor(chains.length) * lower;
    };
    return { estimate: value, predict: value, respectsServiceTime: true, budget: 50 };
  };
}
const noPredictor = (): ResponsePredictor => {
  throw new Error('nothing is predicted');
};

describe('a look at the live plan', () => {
  it('moves a server where that pays, unless a search is to follow: then it leaves that to the search', () => {
    expect(wantsSearch(look)).toBe(false);
    expect(lookAtPlan(look).decision?.kind).toBe('change');
    expect(wantsSearch(careful)).toBe(true);
    expect(lookAtPlan(careful)).toMatchObject({ moves: [], decision: { kind: 'keep' } });
    expect(lookAtPlan({ ...look, objective: 'predicted' }).moves).toEqual([]);
  });

  it('moves servers for lost blocks at once, also where a search is to follow', () => {
    const lost = { ...careful, servers: careful.servers.slice(1), current: careful.current.slice(1) };
    const outcome = lookAtPlan(lost);
    expect(outcome.moves).toHaveLength(1);
    expect(outcome.result).toMatchObject({ kind: 'feasible', placementPolicy: 'gbp-cr-fill', objective: 'lower' });
  });

  it('gives servers that hold nothing a span at once, also where a search is to follow', () => {
    const outcome = lookAtPlan({ ...careful, current: careful.current.slice(0, 2) });
    expect(outcome.moves.map((move) => move.serverId)).toEqual(['y']);
  });
});

describe('the search for a better live plan', () => {
  it('finds the move that pays, and tells what it judged', () => {
    const outcome = searchForPlan(careful, unlimited, noPredictor);
    expect(outcome.decision).toMatchObject({ kind: 'change', gainSeconds: expect.any(Number) });
    expect(outcome.result).toMatchObject({ placementPolicy: 'best', search: { isCutShort: false } });
    expect(searchForPlan(careful, unlimited, noPredictor)).toEqual(outcome);
  });

  it('judges by prediction where that is the objective', () => {
    const outcome = searchForPlan({ ...careful, objective: 'predicted' }, unlimited, predictors());
    expect(outcome).toMatchObject({ decision: { kind: 'change' }, result: { objective: 'predicted' } });
    expect(outcome.result.kind === 'feasible' && outcome.result.responseSeconds?.predicted).toBeGreaterThan(0);
  });

  it('makes no move that would answer more slowly when twice as much arrives', () => {
    // At twice the rate every further chain makes it slower: the move adds one.
    const predictorFor = predictors(0.15, (chains) => 10 ** chains);
    const outcome = searchForPlan({ ...careful, objective: 'predicted' }, unlimited, predictorFor);
    expect(outcome.moves).toEqual([]);
    expect(outcome.decision?.reason).toMatch(/more slowly at 0\.20 requests per second/);
  });

  it('makes no move that leaves more blocks to a single server', () => {
    // Every block is on two servers; the fast pair as a chain would leave the slow one alone with some.
    const servers = [...look.servers, server('z', 60, { communicationSeconds: 0.1 })];
    const current = [...look.current, { serverId: 'z', firstBlock: 5, blockCount: 5 }];
    const outcome = searchForPlan({ ...careful, servers, current }, unlimited, noPredictor);
    const after = new Map([...current, ...outcome.moves].map((span) => [span.serverId, span]));
    for (let block = 0; block < 10; block += 1) {
      const hosts = [...after.values()].filter((s) => block >= s.firstBlock && block < s.firstBlock + s.blockCount);
      expect(hosts.length).toBeGreaterThanOrEqual(2);
    }
  });

  it('ends when its time is up, with the best plan so far', () => {
    let asked = 0;
    const isOver = (): boolean => {
      asked += 1;
      return asked > 3;
    };
    const outcome = searchForPlan(careful, { evaluations: 100, isOver }, noPredictor);
    expect(outcome.result).toMatchObject({ kind: 'feasible', search: { isCutShort: true } });
    const search = outcome.result.kind === 'feasible' ? outcome.result.search : undefined;
    expect(search?.evaluations).toBeLessThanOrEqual(5);
  });

  it('looks at fewer plans where it may look at fewer', () => {
    const evaluationsOf = (evaluations: number): number => {
      const { result } = searchForPlan(careful, { evaluations, isOver: () => false }, noPredictor);
      return (result.kind === 'feasible' ? result.search?.evaluations : undefined) ?? 0;
    };
    expect(evaluationsOf(1)).toBeGreaterThan(0);
    expect(evaluationsOf(1)).toBeLessThan(evaluationsOf(20));
  });

  it('leaves every server room for the longest session where slots are smaller than that', () => {
    const servers = ['a', 'b', 'c', 'd'].map((id) => server(id, 65));
    const model = { ...look.model, longestCacheBytesPerBlock: 5 };
    const fresh = { ...careful, model, servers, current: [] };
    const outcome = searchForPlan(fresh, unlimited, noPredictor);
    expect(outcome.moves.length).toBeGreaterThan(2);
    // Without the longest session's cache five or six blocks would fit: 5 x (10 + 1) = 55.
    for (const { blockCount } of outcome.moves) expect(blockCount * (10 + 5)).toBeLessThanOrEqual(65);
  });
});
