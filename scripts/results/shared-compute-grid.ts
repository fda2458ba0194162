import type { PlacementPolicy, PlanningObjective } from '../../src/domain/model/plan.ts';
import { createComputeModel } from '../../src/domain/planning/compute-model.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { createSharedComputePredictor } from '../../src/simulation/response-predictor.ts';
import { simulateSharedCompute } from '../../src/simulation/simulate-shared-compute.ts';
import { summarize } from '../../src/simulation/statistics.ts';
import { poissonJobs, typicalJobs } from '../../src/simulation/workloads.ts';
import { drawBloomSwarm, INPUT_TOKENS, MAX_LOAD, OUTPUT_TOKENS } from '../experiments/bloom-swarm.ts';
import { GRID_SERVERS } from './baseline-grid.ts';
import { markdownTable, mean, percent, seconds } from './markdown.ts';
import type { Chart, Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly servers: number;
  readonly eta: number;
  readonly ratePerSecond: number;
  readonly run: number;
}
interface Figures {
  readonly response: number;
  readonly firstToken: number;
  /** Of the busiest server, by the approximation. */
  readonly utilisation: number;
  /** The approximation of the response; null where it says that it is not to be trusted. */
  readonly approximated: number | null;
}
type Value = Readonly<Record<Method, Figures | null>>;

const METHODS = {
  whole: 'c by bound, prompts whole',
  bestWhole: '`best`, `predicted`, prompts whole',
  chunked: 'c by bound, pieces',
  fill: 'fill, c by bound, pieces',
  predicted: 'fill, `predicted`, pieces',
  best: '`best`, `predicted`, pieces',
} as const;
type Method = keyof typeof METHODS;
const NAMES = Object.keys(METHODS) as Method[];
const CHUNK = 256;
const JOBS = 4000;
const WARM_UP = 0.1;
const MAX_RUNS = 2;

/** The grid again where the sessions on a server take turns, with prompts whole and in pieces. */
export const sharedComputeGrid: ResultsSection<Cell, Value> = {
  title: 'Where sessions share compute',
  cells: ({ runs }) =>
    [0.05, 0.2].flatMap((ratePerSecond) =>
      GRID_SERVERS.flatMap((servers) =>
        [0.2, 0.4].flatMap((eta) =>
          Array.from({ length: Math.min(runs, MAX_RUNS) }, (_, run) => ({ servers, eta, ratePerSecond, run })),
        ),
      ),
    ),
  run: ({ servers, eta, ratePerSecond, run }) => {
    const seed = 10_000 * servers + Math.round(1000 * eta) + run;
    const bloom = drawBloomSwarm('text', servers, eta, seed);
    const terms = { ...bloom, meanTokens: { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS } };
    const jobs = typicalJobs(poissonJobs({ jobs: JOBS, seed: seed + 500, ratePerSecond }), ratePerSecond, WARM_UP);
    const planned = (
      placementPolicy: PlacementPolicy,
      objective: PlanningObjective,
      prefillChunkTokens: number | undefined,
    ): Figures | null => {
      const prediction = { ...terms, arrivalRatePerSecond: ratePerSecond, prefillChunkTokens };
      const plan = makePlan({
        ...bloom,
        arrivalRatePerSecond: ratePerSecond,
        maxLoad: MAX_LOAD,
        placementPolicy,
        objective,
        predictor: objective === 'predicted' ? createSharedComputePredictor(prediction) : undefined,
      });
      if (plan.kind === 'infeasible') return null;
      const records = simulateSharedCompute({ ...terms, chains: plan.chains, jobs, prefillChunkTokens });
      const { response, firstToken } = summarize(records, WARM_UP);
      const outlook = createComputeModel(prediction, ratePerSecond).outlook(plan.chains);
      return {
        response: response.mean,
        firstToken: firstToken?.mean ?? Number.NaN,
        utilisation: Math.max(0, ...outlook.utilisation.values()),
        approximated: outlook.isTrusted ? (outlook.responseSeconds ?? null) : null,
      };
    };
    return {
      whole: planned('gbp-cr', 'lower', undefined),
      bestWhole: planned('best', 'predicted', undefined),
      chunked: planned('gbp-cr', 'lower', CHUNK),
      fill: planned('gbp-cr-fill', 'lower', CHUNK),
      predicted: planned('gbp-cr-fill', 'predicted', CHUNK),
      best: planned('best', 'predicted', CHUNK),
    };
  },
  render,
};

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const groups = [
    ...Map.groupBy(outcomes, ({ cell }) => JSON.stringify([cell.ratePerSecond, cell.servers, cell.eta])).values(),
  ];
  const rows = groups.map((group) => {
    const means = (name: Method, field: 'response' | 'firstToken' | 'utilisation'): number =>
      mean(group.map(({ value }) => value[name]?.[field] ?? Number.NaN));
    return { cell: group[0]?.cell, means };
  });
  const table = markdownTable(
    [
      'requests/s',
      'servers, eta',
      ...NAMES.map((name) => METHODS[name]),
      'first token with `best`',
      'busiest server with `best`',
    ],
    rows.map(({ cell, means }) => [
      String(cell?.ratePerSecond),
      `${cell?.servers}, ${cell?.eta}`,
      ...NAMES.map((name) => seconds(means(name, 'response'))),
      seconds(means('best', 'firstToken')),
      percent(means('best', 'utilisation')),
    ]),
  );
  const ratios = (other: Method): number[] =>
    rows.map(({ means }) => means('best', 'response') / means(other, 'response')).filter(Number.isFinite);
  const told = NAMES.filter((name) => name !== 'best').map(
    (name) => `${METHODS[name]} ${mean(ratios(name)).toFixed(3)} (worst ${Math.max(...ratios(name)).toFixed(3)})`,
  );
  const errors = outcomes.flatMap(({ value }) =>
    NAMES.flatMap((name) => {
      const { approximated, response } = value[name] ?? { approximated: null, response: 1 };
      return approximated === null ? [] : [Math.abs(approximated / response - 1)];
    }),
  );
  const looked = outcomes.length * NAMES.length;
  const pieces = rows.map(({ means }) => 1 - means('chunked', 'response') / means('whole', 'response'));
  const chart: Chart = {
    name: 'shared-compute-grid',
    spec: {
      data: {
        values: rows.flatMap(({ cell, means }) =>
          NAMES.map((name) => ({
            setting: `${cell?.servers}, ${cell?.eta}`,
            rate: cell?.ratePerSecond,
            method: METHODS[name].replaceAll('`', ''),
            seconds: means(name, 'response'),
          })),
        ),
      },
      facet: { column: { field: 'rate', type: 'nominal', title: 'requests per second' } },
      spec: {
        width: 300,
        height: 240,
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'setting', type: 'ordinal', sort: null, title: 'servers, eta' },
          y: { field: 'seconds', type: 'quantitative', scale: { type: 'log' }, title: 'mean response, s (log scale)' },
          color: { field: 'method', type: 'nominal', sort: null, title: null },
        },
      },
    },
  };
  return {
    markdown: `Parameters of the paper's text; steps run one after another on a server, ${JOBS} requests of the mean size and rate, prompts whole or in pieces of ${CHUNK} tokens. Mean
response in seconds; means in the hundreds and more are of queues that grow without end. Pieces save ${percent(Math.min(...pieces))} to ${percent(Math.max(...pieces))}. \`best\` over each
other, on average and in the worst row: ${told.join(', ')}.
The approximation by which \`best\` screens says of ${errors.length} of these ${looked} plans that it is to be trusted, and is then ${percent(mean(errors))} off the simulation on
average, ${percent(Math.max(...errors))} at most; the others (prompts whole, or a server busy more than half of its time) are simulated instead.

${table}

![Mean response where compute is shared](shared-compute-grid.svg)`,
    charts: [chart],
  };
}
