import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type DeadlineEntry, DeadlineQueue } from '../../../../src/domain/scheduling/deadline-queue.ts';

const commands = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('add' as const), value: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ kind: fc.constant('remove' as const), value: fc.nat(100) }),
    fc.record({ kind: fc.constant('first' as const), value: fc.constant(0) }),
  ),
  { maxLength: 120 },
);

test.prop([commands])(
  'has the earliest deadline first, of equal ones the first to come, whatever leaves it',
  (list) => {
    const queue = new DeadlineQueue<DeadlineEntry>();
    let plain: DeadlineEntry[] = [];
    const first = (): DeadlineEntry | undefined =>
      plain.toSorted((a, b) => a.key - b.key || a.sequence - b.sequence)[0];
    for (const [sequence, { kind, value }] of list.entries()) {
      if (kind === 'add') {
        const entry = { key: value, sequence, heapPosition: -1, next: undefined, previous: undefined };
        queue.add(entry);
        plain.push(entry);
      } else {
        const entry = kind === 'first' ? first() : plain[value % Math.max(1, plain.length)];
        if (entry !== undefined) queue.remove(entry);
        plain = plain.filter((other) => other !== entry);
      }
      expect(queue.first()).toBe(first());
      const visited: number[] = [];
      queue.visitUpTo(value, (entry) => visited.push(entry.sequence));
      const inTime = plain.filter((entry) => entry.key <= value).map((entry) => entry.sequence);
      expect(visited.toSorted((a, b) => a - b)).toEqual(inTime);
    }
  },
);
