import { describe, expect, it } from 'vitest';
import { ArrivalRate } from '../../../../src/domain/planning/arrival-rate.ts';

describe('the arrival rate', () => {
  it('is zero before the first arrival', () => {
    expect(new ArrivalRate(60_000).perSecond(1_000)).toBe(0);
  });

  it.each([0.5, 4, 50])('settles at the true rate of %f per second', (rate) => {
    const arrivals = new ArrivalRate(10_000);
    let nowMs = 0;
    for (; nowMs < 60_000; nowMs += 1_000 / rate) arrivals.arrived(nowMs);
    expect(arrivals.perSecond(nowMs)).toBeGreaterThan(0.9 * rate);
    expect(arrivals.perSecond(nowMs)).toBeLessThan(1.15 * rate);
  });

  it('is about right long before a whole window has passed, and does not take a first burst for a rate', () => {
    const arrivals = new ArrivalRate(60_000);
    for (let nowMs = 0; nowMs < 12_000; nowMs += 250) arrivals.arrived(nowMs);
    expect(arrivals.perSecond(12_000)).toBeGreaterThan(3.2);
    expect(arrivals.perSecond(12_000)).toBeLessThan(4.8);
    const burst = new ArrivalRate(60_000);
    for (let i = 0; i < 6; i += 1) burst.arrived(i);
    expect(burst.perSecond(6)).toBeLessThanOrEqual(1.01);
  });

  it('fades when nothing arrives any more', () => {
    const arrivals = new ArrivalRate(10_000);
    for (let nowMs = 0; nowMs < 30_000; nowMs += 100) arrivals.arrived(nowMs);
    expect(arrivals.perSecond(80_000)).toBeLessThan(0.1);
  });
});
