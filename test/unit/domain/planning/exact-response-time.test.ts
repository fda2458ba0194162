import { describe, expect, it } from 'vitest';
import { computeExactResponse, MAX_EXACT_STATES } from '../../../../src/domain/planning/exact-response-time.ts';
import { computeResponseBounds, serviceRate } from '../../../../src/domain/planning/response-time-bounds.ts';
import { erlangC } from '../../../support/erlang-c.ts';

const chain = (slots: number, serviceSeconds: number) => ({ slots, serviceSeconds });

describe('the exact response time', () => {
  it('is Erlang C for one chain', () => {
    expect(computeExactResponse([chain(7, 11.7)], 0.5)).toBeCloseTo(erlangC(7, 11.7, 0.5), 10);
  });

  it('treats chains of equal speed as one', () => {
    const many = Array.from({ length: 30 }, () => chain(1, 2));
    expect(computeExactResponse(many, 12)).toBeCloseTo(erlangC(30, 2, 12), 10);
  });

  it('is what two one-slot chains give by hand', () => {
    // States 00, 10, 01, 11 and the queue behind 11; mu = 1 and 1/2, lambda = 1.
    const [fast, slow, lambda] = [1, 0.5, 1];
    // p10 (1 + lambda) = p00 lambda + p11 / 2; p01 (1/2 + lambda) = p11; p00 lambda = p10 + p01 / 2.
    const p11 = 1;
    const p01 = (p11 * fast) / (slow + lambda);
    const p10 = (slow * p01 + slow * p11) / fast;
    const p00 = (fast * p10 + slow * p01) / lambda;
    const rho = lambda / (fast + slow);
    const weights = p00 + p01 + p10 + p11 / (1 - rho);
    const jobs = p01 + p10 + p11 * (2 / (1 - rho) + rho / (1 - rho) ** 2);
    expect(computeExactResponse([chain(1, 1), chain(1, 2)], lambda)).toBeCloseTo(jobs / weights / lambda, 12);
  });

  it.each([0.001, 0.1, 0.5, 0.9, 0.99])('lies within the bounds at load %d', (load) => {
    const chains = [chain(3, 1), chain(4, 2.5), chain(2, 6), chain(5, 7)];
    const lambda = load * serviceRate(chains);
    const bounds = computeResponseBounds(chains, lambda);
    const exact = computeExactResponse(chains, lambda) ?? Number.NaN;
    expect(exact).toBeGreaterThanOrEqual((bounds?.lower ?? Number.NaN) * (1 - 1e-9));
    expect(exact).toBeLessThanOrEqual((bounds?.upper ?? Number.NaN) * (1 + 1e-9));
  });

  it('is undefined when unstable', () => {
    expect(computeExactResponse([chain(2, 4)], 0.5)).toBeUndefined();
    expect(computeExactResponse([], 0.5)).toBeUndefined();
  });

  it('is undefined beyond the states that are solved', () => {
    const chains = Array.from({ length: 5 }, (_, k) => chain(9, 1 + k));
    expect(10 ** 5).toBeGreaterThan(MAX_EXACT_STATES);
    expect(computeExactResponse(chains, 15)).toBeUndefined();
  });
});
