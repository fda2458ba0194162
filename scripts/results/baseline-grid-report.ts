import type { BloomSetting } from '../experiments/bloom-swarm.ts';
import type { GridCell, GridValue } from './baseline-grid.ts';
import { markdownTable, mean, percent, seconds } from './markdown.ts';
import type { Chart, Outcome, RenderedSection } from './results-section.ts';

const COLUMNS = {
  petals: 'PETALS',
  petalsUncut: 'PETALS, uncut',
  bprr: 'BPRR',
  published: 'c = 7',
  bound: 'c by bound',
  fill: 'fill, c by bound',
  best: '`best`',
} as const;
type Column = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as Column[];
const LONG_RUN = {
  published: 'c = 7',
  bound: 'c by bound',
  fill: 'fill, c by bound',
  cgBp: 'CG-BP',
  best: '`best`',
  floor: 'floor',
} as const;
type LongRunColumn = keyof typeof LONG_RUN;
const LONG_RUN_NAMES = Object.keys(LONG_RUN) as LongRunColumn[];
const SETTINGS: Readonly<Record<BloomSetting, string>> = {
  simulator: "the authors' simulator",
  text: "the paper's text",
};

interface Row {
  readonly servers: number;
  readonly eta: number;
  /** Means over the runs; null where one run has none. */
  readonly means: Readonly<Record<Column, number | null>>;
  readonly longRun: Readonly<Record<LongRunColumn, number | null>>;
  /** Of single topologies: `best` over the fastest of its candidates, the worst of them. */
  readonly worstOverCandidates: number;
}

/** One table and one chart per setting, and how far `best` is from the others over all rows. */
export function renderBaselineGrid(outcomes: readonly Outcome<GridCell, GridValue>[]): RenderedSection {
  const parts: string[] = [INTRODUCTION];
  const charts: Chart[] = [];
  for (const setting of ['simulator', 'text'] as const) {
    const own = outcomes.filter(({ cell }) => cell.setting === setting);
    const rows = rowsOf(own);
    const runs = own.length / rows.length;
    const chart = chartOf(setting, rows);
    charts.push(chart);
    parts.push(
      `### Parameters of ${SETTINGS[setting]}`,
      tableOf(rows),
      `Means of ${runs} topologies of 300 requests each. ${verdict(rows)}`,
      longRunVerdict(rows),
      longRunTable(rows),
      `![Mean response time by number of servers](${chart.name}.svg)`,
    );
  }
  return { markdown: parts.join('\n\n'), charts };
}

const INTRODUCTION = `BLOOM-176B (70 blocks of 1.32 GB) on servers of 40 GB (a share eta) and 20 GB at European round trips, 0.2 requests per
second, mean response time in seconds. PETALS and BPRR (CG-BP with WS-RR) run as the paper's authors model them; "uncut"
leaves slow PETALS servers the blocks that fit instead of the 4 that the authors cut them to. The others are GBP-CR, GCA and JFFC: with 7 sessions
reserved, with c by the lower bound, without GBP-CR's stop, and \`--placement best --objective predicted\`. Whole models (JFFC-only) are out: 92.4 GB
fit no server.`;

function rowsOf(outcomes: readonly Outcome<GridCell, GridValue>[]): Row[] {
  const groups = Map.groupBy(outcomes, ({ cell }) => `${cell.servers} ${cell.eta}`);
  return [...groups.values()].map((group) => {
    const meansOf = <Name extends string>(
      names: readonly Name[],
      of: (value: GridValue) => Readonly<Record<Name, number | null>>,
    ): Record<Name, number | null> =>
      Object.fromEntries(
        names.map((name) => {
          const values = group.map(({ value }) => of(value)[name]);
          return [name, values.includes(null) ? null : mean(values.map(Number))];
        }),
      ) as Record<Name, number | null>;
    return {
      servers: group[0]?.cell.servers ?? 0,
      eta: group[0]?.cell.eta ?? 0,
      means: meansOf(NAMES, (value) => value),
      longRun: meansOf(LONG_RUN_NAMES, ({ longRun }) => longRun),
      worstOverCandidates: Math.max(...group.map(({ value }) => overCandidates(value.longRun))),
    };
  });
}

/** `best` over the fastest of what it chose from. */
function overCandidates({ published, bound, fill, cgBp, best }: GridValue['longRun']): number {
  const known = [published, bound, fill, cgBp].filter((value) => value !== null);
  return (best ?? Number.NaN) / Math.min(...known);
}

function longRunTable(rows: readonly Row[]): string {
  return markdownTable(
    [
      'servers, eta',
      ...LONG_RUN_NAMES.map((name) => LONG_RUN[name]),
      '`best` against c by bound',
      'floor against c by bound',
    ],
    rows.map(({ servers, eta, longRun }) => [
      `${servers}, ${eta}`,
      ...LONG_RUN_NAMES.map((name) => seconds(longRun[name])),
      less(longRun.best, longRun.bound),
      less(longRun.floor, longRun.bound),
    ]),
  );
}

function longRunVerdict(rows: readonly Row[]): string {
  const share = (name: 'best' | 'floor'): number[] =>
    rows.map(({ longRun }) => (longRun[name] ?? Number.NaN) / (longRun.bound ?? Number.NaN));
  const worst = Math.max(...rows.map(({ worstOverCandidates }) => worstOverCandidates));
  return `In the long run (another seed than the plans were chosen by; exact where at most 5,000 states are ever reached, else 100,000 requests; without the 70 ms outside the
servers). "Floor" is the service time of the fastest chain that any placement could have: no plan whatsoever is below it. \`best\` is
${percent(1 - mean(share('best')))} below c by bound on average, and nothing could be more than ${percent(1 - mean(share('floor')))} below. Over the fastest of its candidates
(c = 7, c by bound, fill, CG-BP with GCA and JFFC) it is ${worst.toFixed(4)} at worst, over all topologies one by one.`;
}

function tableOf(rows: readonly Row[]): string {
  return markdownTable(
    ['servers, eta', ...NAMES.map((name) => COLUMNS[name]), '`best` against BPRR', 'c by bound against BPRR'],
    rows.map(({ servers, eta, means }) => [
      `${servers}, ${eta}`,
      ...NAMES.map((name) => (means[name] === null && name.startsWith('petals') ? 'not placed' : seconds(means[name]))),
      less(means.best, means.bprr),
      less(means.bound, means.bprr),
    ]),
  );
}

function less(own: number | null, other: number | null): string {
  return own === null || other === null ? '-' : percent(1 - own / other);
}

/** Ratios of `best` to each other method, over the rows where both serve. */
function verdict(rows: readonly Row[]): string {
  const ratios = (name: Column): number[] =>
    rows.flatMap(({ means }) => (means[name] === null || means.best === null ? [] : [means.best / means[name]]));
  const told = NAMES.filter((name) => name !== 'best').map((name) => {
    const own = ratios(name);
    return `${COLUMNS[name]} ${mean(own).toFixed(3)} (worst ${Math.max(...own).toFixed(3)})`;
  });
  return `Mean response of \`best\` over that of each other, on average over the rows and in the worst of them: ${told.join(', ')}.
So few requests tell plans apart only to about one percent; for that, see the long run.`;
}

function chartOf(setting: BloomSetting, rows: readonly Row[]): Chart {
  const values = rows.flatMap(({ servers, eta, means }) =>
    NAMES.flatMap((name) =>
      means[name] === null ? [] : [{ servers, eta, method: COLUMNS[name].replaceAll('`', ''), seconds: means[name] }],
    ),
  );
  return {
    name: `baseline-grid-${setting}`,
    spec: {
      data: { values },
      facet: { column: { field: 'eta', type: 'nominal', title: 'share of fast servers (eta)' } },
      spec: {
        width: 170,
        height: 220,
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'servers', type: 'ordinal', title: 'servers' },
          y: {
            field: 'seconds',
            type: 'quantitative',
            scale: { type: 'log' },
            title: 'mean response, s (log scale)',
          },
          color: { field: 'method', type: 'nominal', sort: null, title: null },
        },
      },
    },
  };
}
