import type { PlacementPolicy, PlanningObjective } from '../../src/domain/model/plan.ts';
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
  const planned = (
    placementPolicy: PlacementPolicy,
    objective: PlanningObjective,
    reservedSlots?: number,
  ): number | null => {
    const plan = makePlan({
      ...bloom,
      arrivalRatePerSecond: ARRIVAL_RATE,
      maxLoad: MAX_LOAD,
      placementPolicy,
      objective,
      reservedSlots,
      predictor: objective === 'predicted' ? createIndependentPredictor(ARRIVAL_RATE, seed + 1) : undefined,
    });
    if (plan.kind === 'infeasible') return null;
    return EXTRA_SECONDS + meanResponse(simulateIndependent({ chains: plan.chains, jobs }));
  };
  const petals = (slowBlocks: number): number | null => {
    const router = createPetals(bloom, slowBlocks, seed);
    return router === undefined ? null : meanResponse(simulateRouted(router, jobs, EXTRA_SECONDS));
  };
  return {
    petals: petals(PETALS_CUT),
    petalsUncut: petals(Number.POSITIVE_INFINITY),
    bprr: meanResponse(simulateRouted(createBprr(bloom, ARRIVAL_RATE), jobs, EXTRA_SECONDS)),
    published: planned('gbp-cr', 'lower', 7),
    bound: planned('gbp-cr', 'lower'),
    fill: planned('gbp-cr-fill', 'lower'),
    best: planned('best', 'predicted'),
  };
}
