import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../src/domain/planning/make-plan.ts';
import { computeResponseBounds } from '../../../src/domain/planning/response-time-bounds.ts';
import type { SharedServerSpeeds } from '../../../src/domain/planning/service-times.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../../../src/domain/planning/service-times.ts';
import {
  createIndependentPredictor,
  createSharedComputePredictor,
} from '../../../src/simulation/response-predictor.ts';
import { erlangC } from '../../support/erlang-c.ts';

const chain = (slots: number, serviceSeconds: number, serverId = 'a') => ({
  id: `${slots}x${serviceSeconds}`,
  hops: [{ serverId, firstBlock: 0, blockCount: 10 }],
  slots,
  serviceSeconds,
});

describe('the independent predictor', () => {
  it('is exact for small plans and close to it in its estimates', () => {
    const predictor = createIndependentPredictor(2);
    expect(predictor.predict([chain(6, 2)])).toBeCloseTo(erlangC(6, 2, 2), 9);
    expect(Math.abs((predictor.estimate([chain(6, 2)]) ?? 0) / erlangC(6, 2, 2) - 1)).toBeLessThan(0.05);
  });

  it('simulates what is too large to solve', () => {
    const chains = Array.from({ length: 8 }, (_, k) => chain(5, 2 + k, `s${k}`));
    const predicted = createIndependentPredictor(2).predict(chains) ?? Number.NaN;
    expect(predicted).toBeGreaterThan(2);
    expect(predicted).toBeLessThan(3);
  });

  it('predicts nothing for an unstable plan', () => {
    expect(createIndependentPredictor(3).predict([chain(6, 2)])).toBeUndefined();
    expect(createIndependentPredictor(3).estimate([chain(6, 2)])).toBeUndefined();
  });

  it('stays within the bounds, which a short simulation may miss', () => {
    const chains = Array.from({ length: 8 }, (_, k) => chain(500, 2, `s${k}`));
    expect(createIndependentPredictor(0.01).predict(chains)).toBeCloseTo(2, 12);
  });

  it('predicts nothing where more jobs run at once than it would simulate, and compares by the bound', () => {
    const chains = Array.from({ length: 80 }, (_, k) => chain(100_000, 2 + k, `s${k}`));
    const predictor = createIndependentPredictor(50_000);
    expect(predictor.predict(chains)).toBeUndefined();
    expect(predictor.estimate(chains)).toBe(computeResponseBounds(chains, 50_000)?.lower);
  });

  it('sees the same jobs in every estimate', () => {
    const predictor = createIndependentPredictor(2);
    expect(predictor.estimate([chain(6, 2)])).toBe(predictor.estimate([chain(6, 2)]));
  });
});

describe('the shared-compute predictor', () => {
  const speeds: SharedServerSpeeds = {
    rttSeconds: 0.03,
    overheadSeconds: 0.01,
    overheadSecondsPerBlock: 0.0005,
    prefillSecondsPerTokenPerBlock: 0.00005,
    decodeSecondsPerTokenPerBlock: 0.001,
    concurrencySlope: 1,
  };
  const meanTokens = { inputTokens: 1000, outputTokens: 10 };
  const predict = (arrivalRatePerSecond: number, concurrencySlope: number) =>
    createSharedComputePredictor({
      arrivalRatePerSecond,
      meanTokens,
      speeds: new Map([['a', { ...speeds, concurrencySlope }]]),
      hiddenBytesPerToken: 0,
      prefillChunkTokens: 100,
    });
  const alone = communicationSeconds(speeds, meanTokens, 0) + 10 * computationSecondsPerBlock(speeds, meanTokens);

  it('agrees with independent service where nothing runs at once', () => {
    // Pieces of a prompt each pay the fixed cost of a step: 9 more than the plan counts.
    const chains = [chain(4, alone)];
    expect(predict(0.001, 1).predict(chains)).toBeCloseTo(alone + 9 * 10 * 0.0005, 1);
  });

  it('grows with the load faster where steps run one after another than where they batch', () => {
    const chains = [chain(8, alone)];
    const [serial, batched] = [predict(1.2, 1).predict(chains) ?? 0, predict(1.2, 0).predict(chains) ?? 0];
    expect(serial).toBeGreaterThan(1.5 * batched);
    expect(batched).toBeCloseTo(alone + 9 * 10 * 0.0005, 0);
  });

  it('plans other reservations than the bound of independent service, and better ones', () => {
    const servers = Array.from({ length: 12 }, (_, j) => ({
      id: `s${String(j).padStart(2, '0')}`,
      memoryBytes: (20 + 5 * (j % 4)) * 1e9,
      communicationSeconds: communicationSeconds(speeds, meanTokens, 0),
      computationSecondsPerBlock: computationSecondsPerBlock(speeds, meanTokens),
    }));
    const predictor = createSharedComputePredictor({
      arrivalRatePerSecond: 0.5,
      meanTokens,
      speeds: new Map(servers.map(({ id }) => [id, speeds])),
      hiddenBytesPerToken: 0,
      prefillChunkTokens: 250,
    });
    const base = {
      model: { id: 'm', blockCount: 40, blockBytes: 1e9, cacheBytesPerBlock: 5e7 },
      arrivalRatePerSecond: 0.5,
      maxLoad: 0.7,
      servers,
      placementPolicy: 'gbp-cr-fill' as const,
      predictor,
    };
    const byBound = makePlan({ ...base, objective: 'lower' });
    const byPrediction = makePlan({ ...base, objective: 'predicted' });
    const responses = [byBound, byPrediction].map((plan) =>
      plan.kind === 'feasible' ? (plan.responseSeconds?.predicted ?? Number.NaN) : Number.NaN,
    );
    expect(responses[1]).toBeLessThanOrEqual(1.02 * (responses[0] ?? Number.NaN));
  });
});
