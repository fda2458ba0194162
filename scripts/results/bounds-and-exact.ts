import { computeExactResponse } from '../../src/domain/planning/exact-response-time.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { poissonJobs, typicalJobs } from '../../src/simulation/workloads.ts';
import { drawBloomSwarm, MAX_LOAD } from '../experiments/bloom-swarm.ts';
import { markdownTable, seconds } from './markdown.ts';
import { meanResponse } from './mean-response.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly reservedSlots: number;
  readonly ratePerSecond: number;
}
interface Value {
  readonly lower: number | null;
  readonly upper: number | null;
  readonly exact: number | null;
  readonly simulated: number | null;
}

const RESERVATIONS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20];
const RATES = [0.2, 0.8];
const JOBS = 60_000;
const WARM_UP = 0.1;

/** Theorem 4's bounds, the exact mean where it can be solved, and a simulation, by c. */
export const boundsAndExact: ResultsSection<Cell, Value> = {
  title: 'Bounds against the exact mean',
  cells: () =>
    RATES.flatMap((ratePerSecond) => RESERVATIONS.map((reservedSlots) => ({ reservedSlots, ratePerSecond }))),
  run: ({ reservedSlots, ratePerSecond }) => {
    const plan = makePlan({
      ...drawBloomSwarm('simulator', 20, 0.2, 42),
      arrivalRatePerSecond: ratePerSecond,
      maxLoad: MAX_LOAD,
      placementPolicy: 'gbp-cr-fill',
      objective: 'lower',
      reservedSlots,
    });
    if (plan.kind === 'infeasible' || plan.responseSeconds === undefined) {
      return { lower: null, upper: null, exact: null, simulated: null };
    }
    const { chains, responseSeconds } = plan;
    const jobs = typicalJobs(poissonJobs({ jobs: JOBS, seed: 1, ratePerSecond }), ratePerSecond, WARM_UP);
    return {
      lower: responseSeconds.lower,
      upper: responseSeconds.upper,
      exact: computeExactResponse(chains, ratePerSecond) ?? null,
      simulated: meanResponse(simulateIndependent({ chains, jobs }), WARM_UP),
    };
  },
  render,
};

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const stable = outcomes.filter(({ value }) => value.lower !== null);
  const told = ({ lower, upper, exact, simulated }: Value): string[] => [lower, exact, simulated, upper].map(seconds);
  const table = markdownTable(
    ['requests/s', 'c', 'lower bound', 'exact', 'simulated', 'upper bound'],
    stable.map(({ cell, value }) => [String(cell.ratePerSecond), String(cell.reservedSlots), ...told(value)]),
  );
  const gaps = stable.map(({ value }) => Number(value.exact ?? value.simulated) / Number(value.lower) - 1);
  const overs = stable.map(({ value }) => Number(value.upper) / Number(value.exact ?? value.simulated) - 1);
  const strays = stable.flatMap(({ value }) =>
    value.exact === null ? [] : [Math.abs(Number(value.simulated) / value.exact - 1)],
  );
  const worst = (shares: readonly number[]): string => `${(100 * Math.max(...shares)).toFixed(1)} %`;
  const values = stable.flatMap(({ cell, value }) =>
    [
      { kind: 'lower bound', seconds: value.lower },
      { kind: 'exact, or simulated', seconds: value.exact ?? value.simulated },
      { kind: 'upper bound', seconds: value.upper },
    ].map((point) => ({ ...point, ...cell })),
  );
  return {
    markdown: `One topology of 20 servers, a fifth of them fast, \`gbp-cr-fill\`, mean response in seconds; \`-\` where there are more states than are
solved. The true mean lies above the lower bound by ${worst(gaps)} at most, below the upper bound by up to ${worst(overs)}; ${JOBS} simulated requests stray
from the exact mean by ${worst(strays)} at most.

${table}

![Bounds and exact mean by sessions reserved](bounds-and-exact.svg)`,
    charts: [
      {
        name: 'bounds-and-exact',
        spec: {
          data: { values },
          facet: { column: { field: 'ratePerSecond', type: 'nominal', title: 'requests per second' } },
          spec: {
            width: 300,
            height: 240,
            mark: { type: 'line', point: true },
            encoding: {
              x: { field: 'reservedSlots', type: 'quantitative', title: 'sessions reserved (c)' },
              y: { field: 'seconds', type: 'quantitative', scale: { zero: false }, title: 'mean response, s' },
              color: { field: 'kind', type: 'nominal', sort: null, title: null },
            },
          },
        },
      },
    ],
  };
}
