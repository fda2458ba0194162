/*
 * How long does a look at the live plan hold up the thread that carries requests? Servers of 10 to 79 GB
 * at mixed speeds, 80 blocks; one server has left, another has joined. `inline` computes the look where
 * it is asked for, `threads` as `daisychain serve` does. What is still composed on that thread after a
 * look, the chains over what is hosted, is told beside it.
 *
 *   node test/bench/event-loop.bench.ts
 *
 * The CPU time is that of the asking thread alone, so a busy machine changes it little; the standstill is
 * the longest time between two turns of the event loop, which other work on the machine makes longer.
 */
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import type { Planner, PlannerAnswer } from '../../src/application/ports/planner.ts';
import { composeLiveChains } from '../../src/domain/planning/live-chains.ts';
import type { LiveLook } from '../../src/domain/planning/live-look.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { InlinePlanner } from '../../src/planner/inline-planner.ts';
import { ThreadPlanner } from '../../src/planner/thread-planner.ts';
import { largeModel, mixedServers } from '../support/swarms.ts';

const ROUNDS = 5;

function changedSwarm(count: number): LiveLook {
  const servers = mixedServers(count);
  const demand = { arrivalRatePerSecond: count / 50, maxLoad: 0.7, reservedSlots: undefined };
  const policy = { placementPolicy: 'gbp-cr-fill', objective: 'lower' } as const;
  const plan = makePlan({ model: largeModel, servers, ...demand, ...policy });
  if (plan.kind !== 'feasible') throw new Error(plan.reason);
  const [left, joined] = plan.placement;
  return {
    model: largeModel,
    servers: servers.filter(({ id }) => id !== left?.serverId),
    current: plan.placement.filter((span) => span !== left && span !== joined),
    pinnedSpans: new Map(),
    ...demand,
    ...policy,
    secondsPerBlock: 1,
    horizonSeconds: 600,
    minimumGain: 0.05,
  };
}

/** One look: CPU milliseconds of this thread, the longest standstill and the whole, milliseconds. */
async function measure(planner: Planner, look: LiveLook): Promise<readonly [number, number, number]> {
  let standstill = 0;
  let lastMs = performance.now();
  let isDone = false;
  const turn = (): void => {
    const nowMs = performance.now();
    standstill = Math.max(standstill, nowMs - lastMs);
    lastMs = nowMs;
    if (!isDone) setTimeout(turn, 1);
  };
  turn();
  await new Promise((resolve) => setTimeout(resolve, 5));
  standstill = 0;
  const cpu = process.threadCpuUsage();
  const startMs = performance.now();
  const answer = await new Promise<PlannerAnswer>((resolve) => planner.look(look, resolve));
  const wholeMs = performance.now() - startMs;
  const used = process.threadCpuUsage(cpu);
  if (answer.kind !== 'done') throw new Error(answer.reason);
  await new Promise((resolve) => setTimeout(resolve, 2));
  isDone = true;
  return [(used.user + used.system) / 1000, standstill, wholeMs];
}

function composingMs(look: LiveLook): number {
  const cpu = process.threadCpuUsage();
  composeLiveChains(look.model, look.servers, look.current);
  return process.threadCpuUsage(cpu).user / 1000;
}

const median = (values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0).toFixed(1);

const budget = { evaluations: 60, timeMs: 5_000 };
const threads = new ThreadPlanner({ clock: systemClock, budget, timeLimitMs: 60_000, onFailure: () => undefined });
const planners = { inline: new InlinePlanner(60), threads };
console.log(
  '| servers | planner | CPU of the asking thread, ms | longest standstill, ms | whole look, ms | chains, CPU ms |',
);
console.log('|---|---|---|---|---|---|');
for (const servers of [50, 200, 1_000]) {
  const look = changedSwarm(servers);
  for (const [name, planner] of Object.entries(planners)) {
    await measure(planner, look);
    const rounds: (readonly [number, number, number])[] = [];
    const composing: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.push(await measure(planner, look));
      composing.push(composingMs(look));
    }
    const [cpu, standstill, whole] = [0, 1, 2].map((at) => median(rounds.map((figures) => figures[at] ?? 0)));
    console.log(`| ${servers} | ${name} | ${cpu} | ${standstill} | ${whole} | ${median(composing)} |`);
  }
}
await threads.close();
