import { fc, test } from '@fast-check/vitest';
import { expect, it } from 'vitest';
import { RankSet } from '../../../../src/domain/scheduling/rank-set.ts';

const sized = fc.integer({ min: 1, max: 3_000 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    commands: fc.array(fc.tuple(fc.constantFrom('add', 'delete'), fc.nat(size - 1)), { maxLength: 200 }),
    from: fc.nat(size),
  }),
);

test.prop([sized])(
  'holds what a plain set holds, and finds its smallest member from any rank on',
  ({ size, commands, from }) => {
    const set = new RankSet(size);
    const plain = new Set<number>();
    for (const [command, rank] of commands) {
      if (command === 'add') {
        set.add(rank);
        plain.add(rank);
      } else {
        set.delete(rank);
        plain.delete(rank);
      }
      expect(set.has(rank)).toBe(plain.has(rank));
    }
    const members = [...plain].filter((rank) => rank >= from).sort((a, b) => a - b);
    expect(set.firstFrom(from)).toBe(members[0] ?? -1);
    expect(set.firstFrom(0)).toBe([...plain].sort((a, b) => a - b)[0] ?? -1);
  },
);

it('of no ranks holds nothing', () => {
  expect(new RankSet(0).firstFrom(0)).toBe(-1);
});
