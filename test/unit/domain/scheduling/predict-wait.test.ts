import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { WaitPrediction } from '../../../../src/domain/scheduling/predict-wait.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';

/** Of so many seconds until the ends of those that run, all of them or a sample. */
function predicted(remaining: number[], aheadCount: number, aheadSeconds: number, runningCount = remaining.length) {
  const prediction = new WaitPrediction(Math.max(1, remaining.length));
  const load = {
    sampled: remaining.length,
    remainingSum: remaining.reduce((sum, value) => sum + value, 0),
    leastRemaining: Math.min(...remaining),
    runningCount,
    aheadCount,
    aheadSeconds,
  };
  return prediction.seconds(load, (into) => into.set(remaining.toSorted((a, b) => a - b)));
}

/** The same, told plainly: whenever one ends the next starts, and takes the mean time. */
function playedThrough(remaining: number[], aheadCount: number, aheadSeconds: number): number {
  const ends = [...remaining];
  for (let started = 0; started < aheadCount; started += 1) {
    ends.sort((a, b) => a - b);
    ends.push((ends.shift() as number) + aheadSeconds / aheadCount);
  }
  return Math.min(...ends);
}

describe('the predicted wait', () => {
  it('is the first end when nobody is ahead', () => {
    expect(predicted([5, 2, 9], 0, 0)).toBe(2);
  });

  it('plays short queues through, end by end', () => {
    // 2 ends: one of 4 s starts, until 6; 5 ends: the next starts, until 9; then 6 ends.
    expect(predicted([5, 2], 2, 8)).toBe(6);
  });

  test.prop([
    fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 }),
    fc.double({ min: 0, max: 2, noNaN: true }),
    fc.double({ min: 0, max: 30, noNaN: true }),
  ])('is what playing any short queue through says', (remaining, aheadPerRunning, meanSeconds) => {
    const ahead = Math.floor(aheadPerRunning * remaining.length);
    const expected = playedThrough(remaining, ahead, ahead * meanSeconds);
    expect(predicted(remaining, ahead, ahead * meanSeconds)).toBeCloseTo(expected, 6);
  });

  it('shares the work of a long queue among those that run', () => {
    expect(predicted([1, 1], 100, 200)).toBe((1 + 200) / 2);
  });

  it('says nothing when nothing runs', () => {
    expect(predicted([], 3, 3)).toBeUndefined();
  });

  it('takes a sample of those that run for all of them', () => {
    const sample = Array.from({ length: 10 }, (_, i) => i + 1);
    expect(predicted(sample, 5000, 50_000, 1000)).toBeCloseTo((50_000 + 5.5) / 1000, 6);
    expect(predicted(sample, 0, 0, 1000)).toBeLessThan(0.1);
  });
});

const HOPS = [{ serverId: 's', firstBlock: 0, blockCount: 1 }];

/** Four slots whose jobs take 1.5 times as long as planned, at the given load; waits predicted and real. */
function runQueue(ratePerSecond: number, jobs: number): { predicted: number[]; real: number[] } {
  const rng = createRng(7, 'predictions');
  const scheduler = new Scheduler({ queueLimit: 10_000, predictsWaits: true });
  const chain = { id: 'c', hops: HOPS, slots: 4, serviceSeconds: 2 };
  scheduler.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map() }, 0);
  const predicted: number[] = [];
  const real: number[] = [];
  const sizes = new Map<string, number>();
  const ends: { id: string; atMs: number }[] = [];
  let nowMs = 0;
  let nextArrivalMs = 0;
  for (let i = 0; i < jobs; ) {
    ends.sort((a, b) => a.atMs - b.atMs);
    const end = ends[0];
    const isEnd = end !== undefined && end.atMs <= nextArrivalMs;
    nowMs = isEnd ? end.atMs : nextArrivalMs;
    let effects: ReturnType<Scheduler['arrive']>;
    if (isEnd) {
      ends.shift();
      effects = scheduler.complete(end.id, 'completed', nowMs);
    } else {
      const size = 0.5 + rng.next();
      sizes.set(`j${i}`, size);
      effects = scheduler.arrive({ id: `j${i}`, deadlineMs: undefined, size }, nowMs);
      i += 1;
      nextArrivalMs = nowMs - (1000 * Math.log(1 - rng.next())) / ratePerSecond;
    }
    for (const effect of effects) {
      if (effect.kind !== 'assigned') continue;
      ends.push({ id: effect.jobId, atMs: nowMs + 3000 * (sizes.get(effect.jobId) ?? 1) });
      if (effect.predictedMs === undefined) continue;
      predicted.push(effect.predictedMs);
      real.push(effect.queuedMs);
    }
  }
  return { predicted, real };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a scheduler that predicts', () => {
  it('learns how long jobs really take, and is right on the whole', () => {
    const { predicted, real } = runQueue(1.25, 6000);
    expect(predicted.length).toBeGreaterThan(1000);
    expect(mean(predicted) / mean(real)).toBeGreaterThan(0.93);
    expect(mean(predicted) / mean(real)).toBeLessThan(1.07);
    const errors = predicted.map((value, i) => Math.abs(value - (real[i] as number)));
    expect(mean(errors) / mean(real)).toBeLessThan(0.15);
  });

  /** One slot, its job of 10 s just started, `waiting` jobs behind it; five jobs have shown that 10 s it is. */
  function busy(waiting: number, queueLimit = 100): { scheduler: Scheduler; nowMs: number } {
    const scheduler = new Scheduler({ queueLimit, predictsWaits: true });
    const chain = { id: 'c', hops: HOPS, slots: 1, serviceSeconds: 10 };
    scheduler.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map() }, 0);
    for (let i = 0; i < 5; i += 1) {
      scheduler.arrive({ id: `past-${i}`, deadlineMs: undefined }, 10_000 * i);
      scheduler.complete(`past-${i}`, 'completed', 10_000 * (i + 1));
    }
    for (let i = 0; i <= waiting; i += 1) scheduler.arrive({ id: `w${i}`, deadlineMs: undefined }, 50_000);
    return { scheduler, nowMs: 50_000 };
  }

  it('refuses at once a deadline that cannot be met, and takes one that can', () => {
    const { scheduler, nowMs } = busy(3);
    expect(scheduler.arrive({ id: 'hopeless', deadlineMs: nowMs + 5_000 }, nowMs)).toEqual([
      { kind: 'expired', jobId: 'hopeless', queuedMs: 0, predictedMs: 40_000 },
    ]);
    expect(scheduler.counts.expired).toBe(1);
    expect(scheduler.arrive({ id: 'patient', deadlineMs: nowMs + 60_000 }, nowMs)).toEqual([]);
    expect(scheduler.arrive({ id: 'first', deadlineMs: nowMs + 15_000, priority: 'high' }, nowMs)).toEqual([]);
  });

  it('expects no long job to take as much more than planned as a very short one did, of which most is not its length', () => {
    const scheduler = new Scheduler({ queueLimit: 0, predictsWaits: true });
    const chain = { id: 'c', hops: HOPS, slots: 1, serviceSeconds: 2 };
    scheduler.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map() }, 0);
    for (const i of [0, 1, 2]) {
      scheduler.arrive({ id: `short-${i}`, deadlineMs: undefined, size: 0.01 }, 1_000 * i);
      scheduler.complete(`short-${i}`, 'completed', 1_000 * i + 300);
    }
    scheduler.arrive({ id: 'long', deadlineMs: undefined, size: 2 }, 3_000);
    const [refused] = scheduler.arrive({ id: 'late', deadlineMs: undefined }, 3_000);
    // Planned are 4 s; fifteen times that would be a minute.
    expect(refused).toMatchObject({ reason: 'queue_full' });
    const retryAfterMs = (refused as { retryAfterMs: number }).retryAfterMs;
    expect(retryAfterMs).toBeGreaterThanOrEqual(4_000);
    expect(retryAfterMs).toBeLessThan(20_000);
  });

  it('takes every deadline while it has not seen how long jobs take', () => {
    const scheduler = new Scheduler({ queueLimit: 10, predictsWaits: true });
    const chain = { id: 'c', hops: HOPS, slots: 1, serviceSeconds: 1000 };
    scheduler.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map() }, 0);
    scheduler.arrive({ id: 'running', deadlineMs: undefined }, 0);
    expect(scheduler.arrive({ id: 'waiting', deadlineMs: 10 }, 0)).toEqual([]);
  });

  it('tells a client that finds the queue full when there may be room, two minutes at most', () => {
    const short = busy(4, 4);
    expect(short.scheduler.arrive({ id: 'late', deadlineMs: undefined }, short.nowMs)).toEqual([
      { kind: 'rejected', jobId: 'late', reason: 'queue_full', retryAfterMs: 50_000 },
    ]);
    const long = busy(40, 40);
    const [refused] = long.scheduler.arrive({ id: 'late', deadlineMs: undefined }, long.nowMs);
    expect(refused).toMatchObject({ kind: 'rejected', retryAfterMs: 120_000 });
    const together = [1, 2].map((i) => ({ id: `t${i}`, deadlineMs: undefined }));
    expect(short.scheduler.whyNotTogether(together, short.nowMs)).toEqual({
      reason: 'queue_full',
      retryAfterMs: 50_000,
    });
  });
});
