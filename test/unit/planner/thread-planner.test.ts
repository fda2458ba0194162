import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/system-clock.ts';
import type { Planner, PlannerAnswer, PredictionTerms } from '../../../src/application/ports/planner.ts';
import type { LiveLook } from '../../../src/domain/planning/live-look.ts';
import { InlinePlanner } from '../../../src/planner/inline-planner.ts';
import { ThreadPlanner } from '../../../src/planner/thread-planner.ts';
import { largeModel, mixedServers } from '../../support/swarms.ts';

const EVALUATIONS = 2;
const servers = mixedServers(6);
const independent: PredictionTerms = { serviceModel: 'independent' };
const speeds = {
  rttSeconds: 0.02,
  overheadSeconds: 0.001,
  overheadSecondsPerBlock: 0.001,
  prefillSecondsPerTokenPerBlock: 0.0001,
  decodeSecondsPerTokenPerBlock: 0.001,
  concurrencySlope: 1,
};
const prediction: PredictionTerms = {
  serviceModel: 'shared-compute',
  speeds: new Map(servers.map((server) => [server.id, speeds])),
  meanTokens: { inputTokens: 60, outputTokens: 4 },
  hiddenBytesPerToken: 4096,
  prefillChunkTokens: 64,
};
const look: LiveLook = {
  model: largeModel,
  servers,
  current: [],
  pinnedSpans: new Map([['s0003', { firstBlock: 7, blockCount: 5 }]]),
  arrivalRatePerSecond: 0.2,
  maxLoad: 0.7,
  placementPolicy: 'gbp-cr-fill',
  objective: 'predicted',
  reservedSlots: undefined,
  secondsPerBlock: 1,
  horizonSeconds: 600,
  minimumGain: 0.05,
};
const { model, pinnedSpans, arrivalRatePerSecond, maxLoad, reservedSlots } = look;
const snapshot = {
  model,
  servers,
  pinnedSpans,
  arrivalRatePerSecond,
  maxLoad,
  placementPolicy: 'gbp-cr-fill',
  objective: 'lower',
  reservedSlots,
} as const;

let planner: ThreadPlanner | undefined;
afterEach(async () => {
  await planner?.close();
});

function start(timeLimitMs = 60_000): ThreadPlanner {
  const budget = { evaluations: EVALUATIONS, timeMs: 60_000 };
  planner = new ThreadPlanner({ clock: systemClock, budget, timeLimitMs, onFailure: () => undefined });
  return planner;
}

const looked = (on: Planner) => new Promise<PlannerAnswer>((resolve) => on.look(look, resolve));
const searched = (on: Planner) => new Promise<PlannerAnswer>((resolve) => on.search({ look, prediction }, resolve));

describe('a planner in threads of its own', () => {
  it('answers exactly what the same planner answers in the caller’s thread', async () => {
    const threads = start();
    const inline = new InlinePlanner(EVALUATIONS);
    const [quick, careful, asked] = await Promise.all([
      looked(threads),
      searched(threads),
      threads.ask({ snapshot, prediction: independent }),
    ]);
    const outcomeOf = (answer: PlannerAnswer) => (answer.kind === 'done' ? answer.outcome : answer);
    expect(outcomeOf(quick)).toEqual(outcomeOf(await looked(inline)));
    expect(outcomeOf(careful)).toEqual(outcomeOf(await searched(inline)));
    expect(asked).toEqual(await inline.ask({ snapshot, prediction: independent }));
    expect(asked).toMatchObject({ kind: 'feasible', placementPolicy: 'gbp-cr-fill', objective: 'lower' });
  });

  it('leaves the event loop free while it computes', async () => {
    const threads = start();
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    await threads.ask({ snapshot, prediction: independent });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(1);
  });

  it('refuses questions beyond those that may wait, with the time to come again', async () => {
    const threads = start();
    const asked = Array.from({ length: 7 }, () => threads.ask({ snapshot, prediction: independent }));
    await expect(asked[6]).rejects.toMatchObject({ code: 'DSP_RATE_LIMITED', retryAfterMs: 5_000 });
    await Promise.all(asked.slice(0, 6));
  });

  it('says that it took too long, or that the dispatcher stops, to those who asked', async () => {
    await expect(start(1).ask({ snapshot, prediction })).rejects.toMatchObject({ code: 'DSP_DEADLINE_EXCEEDED' });
    await planner?.close();
    const waiting = expect(start().ask({ snapshot, prediction })).rejects.toMatchObject({ code: 'DSP_DRAINING' });
    await planner?.close();
    await waiting;
  });
});
