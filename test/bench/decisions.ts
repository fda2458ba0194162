import type { SchedulerOptions } from '../../src/domain/scheduling/scheduler-options.ts';
import { FullSwarm } from './full-swarm.ts';

/**
 * Dispatch decisions per second of processor time (arrivals and ends, each with the starts that it causes) in full
 * swarms, by how chains give cache, the order and length of the queue, and whether waits are predicted.
 * `node test/bench/decisions.ts`. Aims at 2,000 chains with 10,000 waiting: 1,000,000 by slots, first in, first out,
 * and 200,000 by tokens, shortest first, with predictions.
 */
const SECONDS = 2;
const WARM_UP_STEPS = 10_000;

const CASES: readonly (readonly [string, number, number, Partial<SchedulerOptions>])[] = [
  ['slots, fifo', 10, 10_000, {}],
  ['slots, fifo', 2_000, 100, {}],
  ['slots, fifo', 2_000, 10_000, {}],
  ['slots, fifo, predictions', 2_000, 10_000, { predictsWaits: true }],
  ['tokens, fifo', 2_000, 10_000, { cache: 'tokens' }],
  ['tokens, shortest', 2_000, 10_000, { cache: 'tokens', order: 'shortest' }],
  ['tokens, shortest, predictions', 20, 100, { cache: 'tokens', order: 'shortest', predictsWaits: true }],
  ['tokens, shortest, predictions', 20, 10_000, { cache: 'tokens', order: 'shortest', predictsWaits: true }],
  ['tokens, shortest, predictions', 2_000, 100, { cache: 'tokens', order: 'shortest', predictsWaits: true }],
  ['tokens, shortest, predictions', 2_000, 10_000, { cache: 'tokens', order: 'shortest', predictsWaits: true }],
  ['tokens, shortest, predictions', 2_000, 100_000, { cache: 'tokens', order: 'shortest', predictsWaits: true }],
];

for (const [name, chains, queued, options] of CASES) {
  const swarm = new FullSwarm(chains, queued, options);
  for (let i = 0; i < WARM_UP_STEPS; i += 1) swarm.step();
  const before = swarm.decisions;
  const start = process.cpuUsage();
  let seconds = 0;
  while (seconds < SECONDS) {
    for (let i = 0; i < 1_000; i += 1) swarm.step();
    const { user, system } = process.cpuUsage(start);
    seconds = (user + system) / 1e6;
  }
  const perSecond = Math.round((swarm.decisions - before) / seconds);
  const load = `${chains.toLocaleString('en')} chains, ${swarm.scheduler.runningCount.toLocaleString('en')} running, ${queued.toLocaleString('en')} waiting`;
  console.log(`${name.padEnd(32)}${load.padEnd(56)}${perSecond.toLocaleString('en').padStart(10)} decisions a second`);
}
