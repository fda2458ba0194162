import type { PlacementPolicy, PlanningObjective } from '../../src/domain/model/plan.ts';
import { fastestChain } from '../../src/domain/planning/fastest-chain.ts';
import { indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { createIndependentPredictor } from '../../src/simulation/response-predictor.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { simulateRouted } from '../../src/simulation/simulate-routed.ts';
import { poissonJobs } from '../../src/simulation/workloads.ts';
import { createBprr, createPetals, PETALS_CUT } from '../experiments/bloom-baselines.ts';
import type { BloomSetting } from '../experiments/bloom-swarm.ts';
import { ARRIVAL_RATE, drawBloomSwarm, MAX_LOAD } from '../experiments/bloom-swarm.ts';
import { renderBaselineGrid } from './baseline-grid-report.ts';
import { meanResponse } from './mean-response.ts';
import type { ResultsSection } from './results-section.ts';

export interface GridCell {
  readonly setting: BloomSetting;
  readonly servers: number;
  readonly eta: number;
  readonly run: number;
}

/** Mean response times, seconds; null where the method cannot serve. */
export interface GridValue {
  readonly petals: number | null;
  readonly petalsUncut: number | null;
  readonly bprr: number | null;
  /** GBP-CR, GCA and JFFC with c = 7. */
  readonly published: number | null;
  /** The same with c by the lower bound. */
  readonly bound: number | null;
  /** Without GBP-CR's stop. */
  readonly fill: number | null;
  readonly best: number | null;
  /** Over the endless run that the requests are a sample of, without what is spent outside the servers: exact, or simulated. */
  readonly longRun: LongRun;
}

/** Mean response times, seconds; null where the method cannot serve. */
export interface LongRun {
  readonly published: number | null;
  readonly bound: number | null;
  readonly fill: number | null;
  /** CG-BP's placement with GCA and JFFC. */
  readonly cgBp: number | null;
  readonly best: number | null;
  /** Service time of the fastest chain that any placement could have: no plan has a smaller mean. */
  readonly floor: number | null;
}

const JOBS = 300;
/** Spent outside the servers by every request, s. */
const EXTRA_SECONDS = 0.07;

export const GRID_SERVERS = [10, 20, 30, 40];
export const GRID_SHARES = [0.1, 0.2, 0.3, 0.4];

/** The paper's overall comparison: J servers, a share eta of them fast, against PETALS and BPRR. */
export const baselineGrid: ResultsSection<GridCell, GridValue> = {
  title: 'Against PETALS and BPRR',
  cells: ({ runs }) =>
    Array.from({ length: runs }, (_, run) =>
      (['simulator', 'text'] as const).flatMap((setting) =>
        GRID_SERVERS.flatMap((servers) => GRID_SHARES.map((eta) => ({ setting, servers, eta, run }))),
      ),
    ).flat(),
  run: runCell,
  render: renderBaselineGrid,
};

function runCell({ setting, servers, eta, run }: GridCell): GridValue {
  const seed = 10_000 * servers + Math.round(1000 * eta) + run;
  const bloom = drawBloomSwarm(setting, servers, eta, seed);
  const jobs = poissonJobs({ jobs: JOBS, seed, ratePerSecond: ARRIVAL_RATE });
  // Another seed than the one that `best` was chosen by.
  const judge = createIndependentPredictor(ARRIVAL_RATE, seed + 2);
  const planned = (
    placementPolicy: PlacementPolicy,
    objective: PlanningObjective,
    reservedSlots?: number,
  ): { sample: number | null; longRun: number | null } => {
    const plan = makePlan({
      ...bloom,
      arrivalRatePerSecond: ARRIVAL_RATE,
      maxLoad: MAX_LOAD,
      placementPolicy,
      objective,
      reservedSlots,
      predictor: objective === 'predicted' ? createIndependentPredictor(ARRIVAL_RATE, seed + 1) : undefined,
    });
    if (plan.kind === 'infeasible') return { sample: null, longRun: null };
    return {
      sample: EXTRA_SECONDS + meanResponse(simulateIndependent({ chains: plan.chains, jobs })),
      longRun: judge.predict(plan.chains) ?? null,
    };
  };
  const petals = (slowBlocks: number): number | null => {
    const router = createPetals(bloom, slowBlocks, seed);
    return router === undefined ? null : meanResponse(simulateRouted(router, jobs, EXTRA_SECONDS));
  };
  const published = planned('gbp-cr', 'lower', 7);
  const bound = planned('gbp-cr', 'lower');
  const fill = planned('gbp-cr-fill', 'lower');
  const cgBp = planned('cg-bp', 'lower');
  const best = planned('best', 'predicted');
  const swarm = indexSwarm(bloom.model, bloom.servers);
  return {
    petals: petals(PETALS_CUT),
    petalsUncut: petals(Number.POSITIVE_INFINITY),
    bprr: meanResponse(simulateRouted(createBprr(bloom, ARRIVAL_RATE), jobs, EXTRA_SECONDS)),
    published: published.sample,
    bound: bound.sample,
    fill: fill.sample,
    best: best.sample,
    longRun: {
      published: published.longRun,
      bound: bound.longRun,
      fill: fill.longRun,
      cgBp: cgBp.longRun,
      best: best.longRun,
      floor: fastestChain(swarm, [...swarm.serverIds.keys()], 1)?.serviceSeconds ?? null,
    },
  };
}
