import { describe, expect, it } from 'vitest';
import { ServerBacklogs } from '../../../../src/domain/membership/server-backlogs.ts';

describe('the work that servers still have to do', () => {
  it('is in the way of what comes later, less what was done meanwhile and on the way', () => {
    const backlogs = new ServerBacklogs();
    expect(backlogs.sent('a', 0.01, 0.1, 0)).toBe(0);
    expect(backlogs.sent('a', 0.01, 0.2, 0)).toBeCloseTo(0.1, 12);
    expect(backlogs.sent('a', 0.01, 0.1, 50)).toBeCloseTo(0.25, 12);
    expect(backlogs.sent('b', 0.01, 0.1, 50)).toBe(0);
    expect(backlogs.sent('a', 0.5, 0.1, 50)).toBe(0);
  });

  it('is gone when every step was answered, however early', () => {
    const backlogs = new ServerBacklogs();
    backlogs.sent('a', 0, 10, 0);
    backlogs.sent('a', 0, 10, 0);
    backlogs.ended('a', 10, 100);
    expect(backlogs.sent('a', 0, 1, 100)).toBeCloseTo(10, 12);
    backlogs.ended('a', 10, 200);
    backlogs.ended('a', 1, 200);
    expect(backlogs.sent('a', 0, 1, 200)).toBe(0);
    backlogs.ended('unknown', 1, 200);
  });
});
