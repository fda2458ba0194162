import { describe, expect, it } from 'vitest';
import {
  computeResponseBound,
  computeResponseBounds,
  serviceRate,
} from '../../../../src/domain/planning/response-time-bounds.ts';
import { erlangC } from '../../../support/erlang-c.ts';

describe('response time bounds', () => {
  it.each([
    [1, 2, 0.4],
    [7, 11.7, 0.2],
    [50, 3, 16],
    [400, 1, 399],
    [3, 5, 1e-6],
  ])('are Erlang C for one chain of %i slots', (slots, serviceSeconds, lambda) => {
    const bounds = computeResponseBounds([{ slots, serviceSeconds }], lambda);
    const exact = erlangC(slots, serviceSeconds, lambda);
    expect(bounds?.lower).toBeCloseTo(exact, 8);
    expect(bounds?.upper).toBeCloseTo(exact, 8);
  });

  it('coincide when all chains are equally fast', () => {
    const chains = [
      { slots: 3, serviceSeconds: 4 },
      { slots: 5, serviceSeconds: 4 },
    ];
    const bounds = computeResponseBounds(chains, 1.5);
    expect(bounds?.lower).toBeCloseTo(erlangC(8, 4, 1.5), 10);
    expect(bounds?.upper).toBeCloseTo(erlangC(8, 4, 1.5), 10);
  });

  it('do not depend on the order of the chains', () => {
    const chains = [
      { slots: 3, serviceSeconds: 4 },
      { slots: 5, serviceSeconds: 2 },
      { slots: 1, serviceSeconds: 9 },
    ];
    expect(computeResponseBounds(chains.toReversed(), 1)).toEqual(computeResponseBounds(chains, 1));
  });

  it('are undefined at and beyond the service rate', () => {
    const chains = [{ slots: 2, serviceSeconds: 4 }];
    expect(serviceRate(chains)).toBe(0.5);
    expect(computeResponseBounds(chains, 0.5)).toBeUndefined();
    expect(computeResponseBounds(chains, 7)).toBeUndefined();
    expect(computeResponseBound('lower', [], 1)).toBeUndefined();
  });

  it('grow without end towards the service rate, never losing the tail of the queue', () => {
    const chains = [{ slots: 2, serviceSeconds: 4 }];
    expect(computeResponseBounds(chains, 0.5 * (1 - 1e-6))?.lower).toBeCloseTo(erlangC(2, 4, 0.5 * (1 - 1e-6)), 1);
    expect(computeResponseBounds(chains, 0.5 * (1 - 1e-6))?.lower).toBeGreaterThan(1e6);
  });

  it('neither overflow nor underflow over a hundred thousand slots', () => {
    const chains = Array.from({ length: 100 }, (_, k) => ({ slots: 1_000, serviceSeconds: 5 + k / 100 }));
    for (const lambda of [1e-3, 10_000, serviceRate(chains) * 0.999]) {
      const bounds = computeResponseBounds(chains, lambda);
      expect(bounds?.lower).toBeGreaterThan(5 - 1e-9);
      expect(bounds?.upper).toBeLessThan(7);
      expect(bounds?.lower).toBeLessThanOrEqual(bounds?.upper ?? 0);
    }
  });

  it('are available one at a time', () => {
    const chains = [
      { slots: 3, serviceSeconds: 4 },
      { slots: 5, serviceSeconds: 2 },
    ];
    const bounds = computeResponseBounds(chains, 2);
    expect(computeResponseBound('lower', chains, 2)).toBe(bounds?.lower);
    expect(computeResponseBound('upper', chains, 2)).toBe(bounds?.upper);
  });
});
