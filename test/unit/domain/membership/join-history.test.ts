import { describe, expect, it } from 'vitest';
import { JoinHistory } from '../../../../src/domain/membership/join-history.ts';

function pattern(
  addresses: readonly string[],
  options = { limit: 3, windowMs: 60_000, capacity: 10 },
  gapMs = 100,
): string {
  const history = new JoinHistory(options);
  let last = '';
  addresses.forEach((address, i) => {
    last = history.patternWith('s', address, i * gapMs);
    history.noteJoin('s', address, i * gapMs);
  });
  return last;
}

describe('the joins of one server', () => {
  it.each([
    ['few', ['a', 'a', 'a'], 'calm'],
    ['many from one address', ['a', 'a', 'a', 'a'], 'flapping'],
    ['many from ever new addresses, as of an agent that crashes', ['a', 'b', 'c', 'd'], 'flapping'],
    ['many from addresses that take turns', ['a', 'b', 'a', 'b'], 'contested'],
    ['many, of which the last ones repeat', ['a', 'a', 'b', 'b'], 'flapping'],
  ])('%s', (_, addresses, expected) => {
    expect(pattern(addresses)).toBe(expected);
  });

  it('count within the window alone', () => {
    expect(pattern(['a', 'a', 'a', 'a'], { limit: 3, windowMs: 60_000, capacity: 10 }, 30_000)).toBe('calm');
  });

  it('are remembered for a bounded number of servers, the latest ones', () => {
    const history = new JoinHistory({ limit: 1, windowMs: 60_000, capacity: 2 });
    for (const id of ['x', 'y', 'z']) history.noteJoin(id, 'a', 0);
    expect(['x', 'y', 'z'].map((id) => history.patternWith(id, 'a', 1))).toEqual(['calm', 'flapping', 'flapping']);
  });
});
