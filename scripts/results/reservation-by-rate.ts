import type { PlanningObjective } from '../../src/domain/model/plan.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import { createIndependentPredictor } from '../../src/simulation/response-predictor.ts';
import { drawBloomSwarm, MAX_LOAD } from '../experiments/bloom-swarm.ts';
import { markdownTable, mean, seconds } from './markdown.ts';
import type { Outcome, RenderedSection, ResultsSection } from './results-section.ts';

interface Cell {
  readonly ratePerSecond: number;
  readonly run: number;
}
/** The reservation that each objective picks, and the mean response of its plan; null where that is unstable. */
type Value = Readonly<Record<PlanningObjective, { readonly reservedSlots: number; readonly seconds: number | null }>>;

const RATES = [0.0452, 0.112, 0.223, 0.457, 0.915, 1.37, 1.6];
const OBJECTIVES = ['surrogate', 'lower', 'upper', 'predicted'] as const;
const MAX_RUNS = 3;

/** c* against lambda, by what the search for c minimises. */
export const reservationByRate: ResultsSection<Cell, Value> = {
  title: 'Sessions reserved against the arrival rate',
  cells: ({ runs }) =>
    RATES.flatMap((ratePerSecond) =>
      Array.from({ length: Math.min(runs, MAX_RUNS) }, (_, run) => ({ ratePerSecond, run })),
    ),
  run: ({ ratePerSecond, run }) => {
    const bloom = drawBloomSwarm('simulator', 20, 0.2, 42 + 1000 * run);
    const predictor = createIndependentPredictor(ratePerSecond, 7);
    const pick = (objective: PlanningObjective): Value[PlanningObjective] => {
      const plan = makePlan({
        ...bloom,
        arrivalRatePerSecond: ratePerSecond,
        maxLoad: MAX_LOAD,
        placementPolicy: 'gbp-cr-fill',
        objective,
        predictor,
      });
      if (plan.kind === 'infeasible') throw new Error(plan.reason);
      return { reservedSlots: plan.reservedSlots, seconds: plan.responseSeconds?.predicted ?? null };
    };
    return { surrogate: pick('surrogate'), lower: pick('lower'), upper: pick('upper'), predicted: pick('predicted') };
  },
  render,
};

function render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection {
  const rows = RATES.map((rate) => ({ rate, own: outcomes.filter(({ cell }) => cell.ratePerSecond === rate) }));
  const table = markdownTable(
    ['requests/s', ...OBJECTIVES.map((objective) => `\`${objective}\``)],
    rows.map(({ rate, own }) => [
      String(rate),
      ...OBJECTIVES.map((objective) => {
        const slots = own.map(({ value }) => value[objective].reservedSlots).sort((a, b) => a - b);
        const times = own.map(({ value }) => value[objective].seconds);
        const told = times.includes(null) ? 'unstable' : `${seconds(mean(times.map(Number)))} s`;
        return `${[...new Set(slots)].join(', ')}: ${told}`;
      }),
    ]),
  );
  const values = rows.flatMap(({ rate, own }) =>
    OBJECTIVES.map((objective) => ({
      rate,
      objective,
      slots: mean(own.map(({ value }) => value[objective].reservedSlots)),
    })),
  );
  return {
    markdown: `20 servers, a fifth of them fast, parameters of the authors' simulator, \`gbp-cr-fill\`; for each drawn topology the c that is picked,
then the mean response of the plans, exact or simulated.

${table}

![Sessions reserved by arrival rate](reservation-by-rate.svg)`,
    charts: [
      {
        name: 'reservation-by-rate',
        spec: {
          width: 420,
          height: 260,
          data: { values },
          mark: { type: 'line', point: true },
          encoding: {
            x: { field: 'rate', type: 'quantitative', title: 'requests per second' },
            y: { field: 'slots', type: 'quantitative', title: 'sessions reserved (c)' },
            color: { field: 'objective', type: 'nominal', sort: null, title: 'picked by' },
          },
        },
      },
    ],
  };
}
