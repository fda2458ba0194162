import { describe, expect, it } from 'vitest';
import { ServerPaces } from '../../../../src/domain/membership/server-paces.ts';

function measured(paces: ServerPaces, serverId: string, ratio: number, requests: number, nowMs = 0): void {
  for (let i = 0; i < requests; i += 1) paces.measured(serverId, ratio, 1, nowMs);
}

describe('the paces of servers', () => {
  it('are 1 until five requests were measured, then their geometric mean', () => {
    const paces = new ServerPaces(10);
    measured(paces, 'a', 4, 2);
    measured(paces, 'a', 1, 2);
    expect(paces.paceOf('a', 0)).toBe(1);
    measured(paces, 'a', 2, 1);
    expect(paces.paceOf('a', 0)).toBeCloseTo((4 * 4 * 2) ** (1 / 5), 6);
    expect(paces.paceOf('unknown', 0)).toBe(1);
  });

  it('follow a server that becomes slower, and count one stall for little', () => {
    const paces = new ServerPaces(10);
    measured(paces, 'a', 1, 20);
    measured(paces, 'a', 1_000, 1);
    expect(paces.paceOf('a', 0)).toBeLessThan(1.4);
    measured(paces, 'a', 3, 40);
    expect(paces.paceOf('a', 0)).toBeCloseTo(3, 1);
  });

  it('fade towards 1 while nothing is measured', () => {
    const paces = new ServerPaces(10);
    measured(paces, 'a', 4, 10);
    expect(paces.paceOf('a', 600_000)).toBeCloseTo(2, 6);
    expect(paces.paceOf('a', 6_000_000)).toBeCloseTo(1, 2);
  });

  it('take nothing from figures that are no times, and remember a bounded number of servers', () => {
    const paces = new ServerPaces(3);
    for (const seconds of [0, -1, Number.NaN]) paces.measured('a', seconds, 1, 0);
    for (const id of ['a', 'b', 'c', 'd']) measured(paces, id, 3, 10);
    expect(['a', 'b', 'c', 'd'].map((id) => paces.paceOf(id, 0) > 2)).toEqual([false, true, true, true]);
  });
});
