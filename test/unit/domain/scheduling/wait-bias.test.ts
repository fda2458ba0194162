import { describe, expect, it } from 'vitest';
import { WaitBias } from '../../../../src/domain/scheduling/wait-bias.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';

/** Plain predictions that stray, and waits that are so many times as long; returns real over predicted, of the last half. */
function learn(bias: WaitBias, size: number, ratio: number, waits: number): number {
  const rng = createRng(1, 'waits');
  let predictedSum = 0;
  let realSum = 0;
  for (let i = 0; i < waits; i += 1) {
    const plainMs = 100 + 900 * rng.next();
    const realMs = ratio * plainMs * 2 * rng.next();
    const predictedMs = plainMs * bias.factorOf(size);
    bias.waited(size, predictedMs, realMs);
    if (i < waits / 2) continue;
    predictedSum += predictedMs;
    realSum += realMs;
  }
  return realSum / predictedSum;
}

describe('what waits teach about predictions', () => {
  it.each([0.3, 1, 2.6, 8])('makes them right on average where they are %d times off', (ratio) => {
    const right = learn(new WaitBias(), 1, ratio, 600);
    expect(right).toBeGreaterThan(0.9);
    expect(right).toBeLessThan(1.1);
  });

  it('is told apart by size', () => {
    const bias = new WaitBias();
    learn(bias, 0.25, 0.5, 400);
    learn(bias, 4, 3, 400);
    expect(bias.factorOf(0.25)).toBeLessThan(0.7);
    expect(bias.factorOf(4)).toBeGreaterThan(2.3);
    expect(bias.factorOf(1)).toBe(1);
    expect(bias.factorOf(1e9)).toBe(1);
  });

  it('is bounded, whatever comes', () => {
    const bias = new WaitBias();
    for (let i = 0; i < 1000; i += 1) bias.waited(1, 1e-6, 1e12);
    expect(bias.factorOf(1)).toBeLessThanOrEqual(20);
    for (let i = 0; i < 10_000; i += 1) bias.waited(1, 1e12, 0);
    expect(bias.factorOf(1)).toBeGreaterThanOrEqual(0.05);
    bias.waited(1, 0, 0);
    expect(Number.isFinite(bias.factorOf(1))).toBe(true);
  });
});
