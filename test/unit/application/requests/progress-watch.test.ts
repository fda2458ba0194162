import { expect, test } from 'vitest';
import type { HopTiming } from '../../../../src/application/ports/chain-transport.ts';
import { ProgressWatch } from '../../../../src/application/requests/progress-watch.ts';

const timings = (...seconds: number[]): HopTiming[] =>
  seconds.map((roundTripSeconds, i) => ({ serverId: `s${i}`, steps: 1, roundTripSeconds, computeSeconds: 0 }));

function watch(): ProgressWatch {
  return new ProgressWatch({ windowSteps: 3, factor: 10, leastSeconds: 0.5 });
}

test('names the hop that took most of a window far slower than planned, and starts anew after it', () => {
  const slow = watch();
  expect(slow.observe(timings(1, 1), 0.1)).toBeUndefined();
  expect(slow.observe(timings(1.1, 2), 0.1)).toBeUndefined();
  expect(slow.observe(timings(1.2, 3), 0.1)).toBeUndefined();
  expect(slow.observe(timings(1.3, 4), 0.1)).toEqual({ index: 1, seconds: 1 });
  expect(slow.observe(timings(1.4, 5), 0.1)).toBeUndefined();
});

test('lets a chain be as slow as the factor and the least time allow', () => {
  const expected = watch();
  const hasty = watch();
  for (let step = 0; step <= 3; step += 1) {
    expect(expected.observe(timings(step * 0.9), 0.1)).toBeUndefined();
    expect(hasty.observe(timings(step * 0.45), 0.001)).toBeUndefined();
  }
});

test('takes no window across a change of hops', () => {
  const changed = watch();
  changed.observe(timings(0, 0), 0.1);
  changed.observe(timings(5, 5), 0.1);
  changed.observe(timings(9), 0.1);
  expect(changed.observe(timings(12), 0.1)).toBeUndefined();
  changed.restart();
  for (const seconds of [20, 30, 40]) expect(changed.observe(timings(seconds), 0.1)).toBeUndefined();
});
