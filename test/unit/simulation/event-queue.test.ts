import '../../support/fixed-seed.ts';
import { fc, test } from '@fast-check/vitest';
import { expect, it } from 'vitest';
import { EventQueue } from '../../../src/simulation/event-queue.ts';

test.prop([fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 })), { maxLength: 300 })])(
  'gives events by time, then priority, then order of adding',
  (added) => {
    const queue = new EventQueue();
    added.forEach(([time, priority], payload) => {
      queue.push(time, priority, payload);
    });
    const expected = added
      .map(([time, priority], payload) => ({ time, priority, payload }))
      .sort((a, b) => a.time - b.time || a.priority - b.priority || a.payload - b.payload);
    for (const event of expected) {
      expect(queue.peekTime()).toBe(event.time);
      expect({ payload: queue.pop(), time: queue.time, priority: queue.priority }).toEqual(event);
    }
    expect(queue.pop()).toBeUndefined();
    expect(queue.peekTime()).toBe(Number.POSITIVE_INFINITY);
  },
);

it('refuses an event in the past', () => {
  const queue = new EventQueue();
  queue.push(5, 0, 1);
  queue.pop();
  expect(() => queue.push(4, 0, 2)).toThrow(/never lies in the past/);
});
