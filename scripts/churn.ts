/**
 * How well does the swarm live with churn? Servers of mixed memory and speed, of which about 50 of 60 are
 * there at a time: 100 joins and leaves an hour, as a Poisson process, each leave without warning. A
 * server that comes back holds nothing. Requests for a BLOOM-like model arrive at a rate that swings
 * over a day. One seed, simulated time: the same output on every machine.
 *
 * Compared: the product's own live swarm (it moves a server only when that pays) without and with its search
 * for better plans, planning from nothing at every join and leave, and never moving anything. Prints a
 * Markdown table.
 *
 *   npm run churn -- [hours] [seed] [servers]
 */
import { createRng } from '../src/domain/shared/rng.ts';
import { BaselineContestant } from './churn/baseline-contestant.ts';
import type { Contestant } from './churn/contestant.ts';
import { JobFlow } from './churn/job-flow.ts';
import { LiveContestant } from './churn/live-contestant.ts';
import { SimulatedClock } from './churn/simulated-clock.ts';
import { SwarmEvents } from './churn/swarm-events.ts';
import { BLOOM, drawPool, type PoolServer } from './churn/swarm-pool.ts';

const HOURS = Number(process.argv[2] ?? 24);
const SEED = Number(process.argv[3] ?? 1);
/** Servers that are there on average, of a pool a fifth larger. */
const PRESENT = Number(process.argv[4] ?? 50);
const POOL = Math.round(1.2 * PRESENT);
const EVENTS_PER_HOUR = 2 * PRESENT;
/** Requests per second, and how far the rate swings around it. */
const MEAN_RATE = 0.007 * PRESENT;
const SWING = 0.005 * PRESENT;
const HOUR_MS = 3_600_000;
/** Before anything counts: the first servers load. */
const WARM_UP_MS = 900_000;

function arrivalRate(ms: number): number {
  return MEAN_RATE - SWING * Math.cos((2 * Math.PI * (ms - WARM_UP_MS)) / (24 * HOUR_MS));
}

function run(name: string, create: (clock: SimulatedClock, events: SwarmEvents) => Contestant): string {
  const startedMs = performance.now();
  const clock = new SimulatedClock();
  const jobs = new JobFlow(clock, createRng(SEED, 'sizes'));
  const events = new SwarmEvents(clock, jobs);
  const contestant = create(clock, events);
  const pool = drawPool(POOL, SEED);
  const up = new Set<PoolServer>();
  const endMs = WARM_UP_MS + HOURS * HOUR_MS;
  const tellCapacity = (): void => {
    const blocks = [...up].reduce(
      (sum, server) => sum + Math.floor(server.memoryBytes / (BLOOM.blockBytes + BLOOM.cacheBytesPerBlock)),
      0,
    );
    events.capacityChanged(blocks >= BLOOM.blockCount);
  };
  const join = (server: PoolServer): void => {
    up.add(server);
    events.joined(server.id);
    tellCapacity();
    contestant.join(server);
  };
  const leave = (server: PoolServer): void => {
    up.delete(server);
    tellCapacity();
    contestant.leave(server);
    events.left(server.id);
  };
  for (const server of pool.slice(0, PRESENT)) join(server);

  // Every contestant sees the same arrivals, joins and leaves, since each comes from a stream of its own.
  const churn = createRng(SEED, 'churn');
  const nextChange = (): void => {
    const down = pool.filter((server) => !up.has(server));
    const weights = pool.map((server) => (up.has(server) ? 1 / PRESENT : 1 / (POOL - PRESENT)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const ratePerMs = (EVENTS_PER_HOUR / 2 / HOUR_MS) * total;
    clock.setTimer(-Math.log(1 - churn.next()) / ratePerMs, () => {
      let at = churn.next() * total;
      const chosen = pool.find((_, j) => {
        at -= weights[j] ?? 0;
        return at < 0;
      });
      if (chosen !== undefined) (down.includes(chosen) ? join : leave)(chosen);
      nextChange();
    });
  };
  clock.setTimer(WARM_UP_MS, () => {
    events.begin();
    nextChange();
    nextArrival();
  });
  const arrivals = createRng(SEED, 'arrivals');
  const nextArrival = (): void => {
    // Thinning: candidates at the highest rate, kept in proportion to the rate of the hour.
    const most = (MEAN_RATE + SWING) / 1000;
    clock.setTimer(-Math.log(1 - arrivals.next()) / most, () => {
      if (arrivals.next() < arrivalRate(clock.nowMs()) / (1000 * most)) {
        contestant.arrived();
        jobs.arrive();
      }
      nextArrival();
    });
  };
  clock.runUntil(endMs);
  events.end();
  contestant.stop();
  const took = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stderr.write(`${name}: ${events.events} events, ${jobs.unfinished} requests unfinished, ${took} s\n`);
  const cells = [
    name,
    (events.movedSpans / events.events).toFixed(2),
    events.darkSeconds.toFixed(0),
    events.avoidableSeconds.toFixed(0),
    jobs.meanResponseSeconds.toFixed(2),
    String(jobs.completed),
    String(jobs.restarted),
  ];
  return `| ${cells.join(' | ')} |`;
}

const rows = [
  run('moves when it pays, quick looks only', (clock, events) => new LiveContestant(clock, events, false)),
  run('and searches for better plans', (clock, events) => new LiveContestant(clock, events, true)),
  run('always from nothing', (clock, events) => new BaselineContestant(clock, events)),
  run(
    'never',
    (clock, events) =>
      new BaselineContestant(clock, events, { servers: drawPool(POOL, SEED), ratePerSecond: MEAN_RATE }),
  ),
];
process.stdout.write(
  [
    '| | span changes per event | without coverage, s | of that, nobody loading, s | mean response, s | requests served | begun anew |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n'),
);
