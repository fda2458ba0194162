import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type HeapItem, MinHeap } from '../../../../src/domain/shared/min-heap.ts';

const commands = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('push' as const), key: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ kind: fc.constant('pop' as const), key: fc.constant(0) }),
    fc.record({ kind: fc.constant('remove' as const), key: fc.nat(100) }),
  ),
  { maxLength: 120 },
);

test.prop([commands])('gives its items by key, then by sequence, also after removals from the middle', (list) => {
  const heap = new MinHeap<HeapItem>();
  let plain: HeapItem[] = [];
  let sequence = 0;
  const first = (): HeapItem | undefined => [...plain].sort((a, b) => a.key - b.key || a.sequence - b.sequence)[0];
  for (const { kind, key } of list) {
    if (kind === 'push') {
      const item: HeapItem = { key, sequence, heapPosition: -1 };
      sequence += 1;
      heap.push(item);
      plain.push(item);
    } else {
      const item = kind === 'pop' ? first() : plain[key % Math.max(1, plain.length)];
      if (kind === 'pop') expect(heap.pop()).toBe(item);
      else if (item !== undefined) heap.remove(item);
      if (item !== undefined) {
        plain = plain.filter((other) => other !== item);
        expect(item.heapPosition).toBe(-1);
      }
    }
    expect(heap.size).toBe(plain.length);
    const visited: HeapItem[] = [];
    heap.visitUpTo(key, (item) => visited.push(item));
    const upTo = plain.filter((item) => item.key <= key);
    expect(visited.sort((a, b) => a.sequence - b.sequence)).toEqual(upTo);
    expect(heap.peek()).toBe(first());
  }
});
