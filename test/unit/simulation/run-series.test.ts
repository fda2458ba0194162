import { expect, it } from 'vitest';
import type { FeasiblePlan } from '../../../src/domain/model/plan.ts';
import { meanCacheUse } from '../../../src/simulation/cache-use.ts';
import type { Contest, Contestant } from '../../../src/simulation/run-contestant.ts';
import { runSeries } from '../../../src/simulation/run-series.ts';

const NEVER = Number.NaN;
/** Four jobs that come every 25 seconds; the second waits 20 seconds, the third is rejected. */
const RECORDS = {
  arrivalSeconds: Float64Array.of(25, 50, 75, 100),
  startSeconds: Float64Array.of(25, 70, NEVER, 100),
  endSeconds: Float64Array.of(75, 90, NEVER, 140),
  hopsOf: (job: number) => (job === 2 ? [] : [{ serverId: 'a', blockCount: job === 1 ? 2 : 4 }]),
};

it('tells how response times and the queue went over equal stretches of time, without rejected jobs', () => {
  const { overTime, responseQuantiles } = runSeries(RECORDS, 4);
  expect(overTime.map((stretch) => stretch.atSeconds)).toEqual([12.5, 37.5, 62.5, 87.5]);
  expect(overTime.map((stretch) => stretch.medianResponse)).toEqual([undefined, 50, 40, 40]);
  expect(overTime.map((stretch) => stretch.waiting)).toEqual([0, 0, 0.8, 0]);
  expect(responseQuantiles.at(0)?.seconds).toBe(40);
  expect(responseQuantiles.at(-1)).toEqual({ share: 1, seconds: 50 });
});

it('tells nothing of a run in which every job was rejected', () => {
  const none = {
    ...RECORDS,
    endSeconds: new Float64Array(4).fill(NEVER),
    startSeconds: new Float64Array(4).fill(NEVER),
  };
  const { overTime, responseQuantiles } = runSeries(none, 2);
  expect(responseQuantiles).toEqual([]);
  expect(overTime.every(({ medianResponse, waiting }) => medianResponse === undefined && waiting === 0)).toBe(true);
});

it('counts what jobs hold of each server beside its blocks, until the last arrival', () => {
  const contest = {
    model: { id: 'm', blockCount: 4, blockBytes: 10, cacheBytesPerBlock: 5 },
    servers: [
      { id: 'a', memoryBytes: 80, communicationSeconds: 0, computationSecondsPerBlock: 1 },
      { id: 'idle', memoryBytes: 80, communicationSeconds: 0, computationSecondsPerBlock: 1 },
    ],
    jobs: { tokens: undefined },
  } as unknown as Contest;
  const plan = { placement: [{ serverId: 'a', firstBlock: 0, blockCount: 4 }] } as unknown as FeasiblePlan;
  const use = meanCacheUse(contest, { cache: 'slots' } as Contestant, plan, RECORDS);
  // 40 bytes over 100 seconds; 4 blocks of 5 bytes for 50 seconds, 2 for 20.
  expect([...use]).toEqual([['a', (50 * 20 + 20 * 10) / (100 * 40)]]);
});
