import { expect, test } from 'vitest';
import { FullSwarm } from './full-swarm.ts';

/**
 * What does a dispatch decision cost? One operation is a job's end, the start of the next and an arrival, in a
 * full swarm with a queue. `node test/bench/decisions.ts` measures the same in processor time, which other work on
 * the machine does not lengthen. Figures are read, not asserted.
 */
const options = { time: 500, iterations: 10, warmupTime: 100 };

for (const [name, chains, queued, more] of [
  ['10 chains by slots', 10, 1_000, {}],
  ['200 chains by slots', 200, 1_000, {}],
  ['2,000 chains by slots', 2_000, 1_000, {}],
  ['2,000 chains by tokens, fifo', 2_000, 10_000, { cache: 'tokens' }],
  ['2,000 chains by tokens, shortest', 2_000, 10_000, { cache: 'tokens', order: 'shortest' }],
  [
    '2,000 chains by tokens, shortest, with predictions',
    2_000,
    10_000,
    { cache: 'tokens', order: 'shortest', predictsWaits: true },
  ],
] as const) {
  test(`${name}: decisions`, async ({ bench }) => {
    const swarm = new FullSwarm(chains, queued, more);
    expect(swarm.scheduler.queueLength).toBe(queued);
    await bench(`${name}, ${queued} waiting`, () => swarm.step()).run(options);
  });
}
