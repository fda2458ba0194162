import type { PlacementPolicy } from '../../src/domain/model/plan.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { createIndependentPredictor } from '../../src/simulation/response-predictor.ts';
import { simulateIndependent } from '../../src/simulation/simulate-independent.ts';
import { simulateRouted } from '../../src/simulation/simulate-routed.ts';
import { summarize } from '../../src/simulation/statistics.ts';
import type { SimulatedJobs } from '../../src/simulation/workloads.ts';
import { burstyJobs, poissonJobs } from '../../src/simulation/workloads.ts';
import { readAzureTrace } from '../experiments/azure-trace.ts';
import { createBprr } from '../experiments/bloom-baselines.ts';
import { ARRIVAL_RATE, drawBloomSwarm, MAX_LOAD } from '../experiments/bloom-swarm.ts';
import { markdownTable, mean, seconds } from './markdown.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly pattern: 'poisson' | 'bursty' | 'trace';
  readonly run: number;
}
type Value = Readonly<Record<string, { readonly mean: number; readonly p95: number }>>;

const PATTERNS: Readonly<Record<Cell['pattern'], string>> = {
  poisson: 'Poisson',
  bursty: 'bursts of 5 times the rate, a minute long, a tenth of the time',
  trace: "arrivals of Azure's trace, slowed down",
};
const METHODS = ['BPRR', 'c by bound', 'fill, c by bound', '`best`'];
const JOBS = 8_000;
const WARM_UP = 0.1;
const MAX_RUNS = 3;

/** Plans made for Poisson arrivals under arrivals that are not. */
export const arrivalPatterns: ResultsSection<Cell, Value> = {
  title: 'Bursty and recorded arrivals',
  cells: ({ runs }) =>
    (['poisson', 'bursty', 'trace'] as const).flatMap((pattern) =>
      Array.from({ length: Math.min(runs, MAX_RUNS) }, (_, run) => ({ pattern, run })),
    ),
  run: ({ pattern, run }) => {
    const bloom = drawBloomSwarm('simulator', 20, 0.2, 42 + 1000 * run);
    const jobs = drawJobs(pattern, run);
    const planned = (placementPolicy: PlacementPolicy): Value[string] => {
      const isBest = placementPolicy === 'best';
      const plan = makePlan({
        ...bloom,
        arrivalRatePerSecond: ARRIVAL_RATE,
        maxLoad: MAX_LOAD,
        placementPolicy,
        objective: isBest ? 'predicted' : 'lower',
        predictor: isBest ? createIndependentPredictor(ARRIVAL_RATE, 7) : undefined,
      });
      if (plan.kind === 'infeasible') throw new Error(plan.reason);
      return summarize(simulateIndependent({ chains: plan.chains, jobs }), WARM_UP).response;
    };
    const values = [
      summarize(simulateRouted(createBprr(bloom, ARRIVAL_RATE), jobs), WARM_UP).response,
      planned('gbp-cr'),
      planned('gbp-cr-fill'),
      planned('best'),
    ];
    return Object.fromEntries(METHODS.map((name, at) => [name, pick(values[at])]));
  },
  render,
};

function pick(distribution: { mean: number; p95: number } | undefined): Value[string] {
  return { mean: distribution?.mean ?? Number.NaN, p95: distribution?.p95 ?? Number.NaN };
}

/** Always the same rate and sizes, only the arrivals differ. */
function drawJobs(pattern: Cell['pattern'], seed: number): SimulatedJobs {
  const random = { jobs: JOBS, seed, ratePerSecond: ARRIVAL_RATE };
  if (pattern === 'poisson') return poissonJobs(random);
  if (pattern === 'bursty') return burstyJobs({ ...random, burstFactor: 5, burstShare: 0.1, burstSeconds: 60 });
  const arrivals = readAzureTrace(JOBS).map(({ arrivalSeconds }) => arrivalSeconds);
  const first = arrivals[0] ?? 0;
  const scale = JOBS / ARRIVAL_RATE / ((arrivals.at(-1) ?? 1) - first);
  return { ...poissonJobs(random), arrivalSeconds: Float64Array.from(arrivals, (at) => (at - first) * scale) };
}

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const rows = Object.entries(PATTERNS).map(([pattern, label]) => {
    const own = outcomes.filter(({ cell }) => cell.pattern === pattern);
    return [
      label,
      ...METHODS.map((name) => {
        const of = (field: 'mean' | 'p95'): string =>
          seconds(mean(own.map(({ value }) => value[name]?.[field] ?? Number.NaN)));
        return `${of('mean')} (${of('p95')})`;
      }),
    ];
  });
  return {
    markdown: `20 servers, a fifth of them fast, 0.2 requests per second, ${JOBS} requests; plans are made for Poisson arrivals. Mean response and, in
brackets, its 95th percentile, seconds.

${markdownTable(['arrivals', ...METHODS], rows)}`,
    charts: [],
  };
}
