import { describe, expect, it } from 'vitest';
import { hasDemandDrifted } from '../../../../src/domain/planning/demand-drift.ts';
import { RequestSizes } from '../../../../src/domain/planning/request-sizes.ts';
import { ReservationSizes } from '../../../../src/domain/planning/reservation-sizes.ts';

const demand = (arrivalRatePerSecond: number, inputTokens = 100, outputTokens = 50) => ({
  arrivalRatePerSecond,
  workload: { inputTokens, outputTokens },
});

describe('a drift of demand', () => {
  it.each([
    ['a rate that doubled, of many requests', demand(10), demand(20), true],
    ['a rate that fell to half', demand(20), demand(10), true],
    ['a change below the threshold', demand(10), demand(12), false],
    ['a doubled rate of so few requests that chance may have made it', demand(0.05), demand(0.1), false],
    ['longer prompts', demand(1), demand(1, 130), true],
    ['shorter outputs', demand(1), demand(1, 100, 30), true],
    ['lengths below the threshold', demand(1), demand(1, 120, 45), false],
  ])('%s', (_, planned, now, expected) => {
    expect(hasDemandDrifted(planned, now, 0.25, 60)).toBe(expected);
  });
});

describe('the sizes of requests', () => {
  it('are told once enough were seen', () => {
    const sizes = new RequestSizes();
    sizes.served(10, 4);
    sizes.served(30, 8);
    expect(sizes.mean(3)).toBeUndefined();
    expect(sizes.mean(2)).toEqual({ inputTokens: 20, outputTokens: 6 });
  });

  it('forget what was long ago', () => {
    const sizes = new RequestSizes();
    for (let i = 0; i < 1_000; i += 1) sizes.served(1_000, 100);
    for (let i = 0; i < 1_000; i += 1) sizes.served(10, 1);
    expect(sizes.mean(1)?.inputTokens).toBeLessThan(20);
  });
});

describe('the size of slots', () => {
  it('is unknown before enough requests came', () => {
    const sizes = new ReservationSizes();
    for (let i = 0; i < 19; i += 1) sizes.asked(100);
    expect(sizes.slotTokens(20)).toBeUndefined();
    sizes.asked(100);
    expect(sizes.slotTokens(20)).toBe(100);
  });

  it('is half a deviation above the mean of what requests reserve', () => {
    const sizes = new ReservationSizes();
    for (let i = 0; i < 100; i += 1) sizes.asked(i % 2 === 0 ? 100 : 300);
    expect(sizes.slotTokens(20)).toBeGreaterThanOrEqual(249);
    expect(sizes.slotTokens(20)).toBeLessThanOrEqual(251);
  });

  it('forgets what came long before', () => {
    const sizes = new ReservationSizes();
    for (let i = 0; i < 500; i += 1) sizes.asked(8_000);
    for (let i = 0; i < 2_000; i += 1) sizes.asked(100);
    expect(sizes.slotTokens(20)).toBeLessThan(150);
  });
});
