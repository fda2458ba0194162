import { meanCacheUse } from '../simulation/cache-use.ts';
import type { Contest, ContestantResult } from '../simulation/run-contestant.ts';
import { runSeries } from '../simulation/run-series.ts';

type Simulated = ContestantResult & { readonly kind: 'simulated' };
type Row = Readonly<Record<string, string | number>>;

/** Okabe and Ito's colours, which all kinds of colour vision tell apart; beyond eight lines their dashes differ. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000', '#a39600'];
const DASHES = [
  [1, 0],
  [7, 3],
  [2, 2],
  [8, 2, 2, 2],
];
const STRETCHES = 48;
/** The quickest answers are left out of the picture, which they would fill with empty decades. */
const SHOWN_SHARE = 0.02;
/** A logarithmic axis over more than so many has ticks at powers of ten only. */
const MANY_DECADES = 3;
/** Titles longer than the panel would push panels apart; text is measured generously, at 0.8 of its size a letter. */
const WIDTH = 430;
const HEIGHT = 240;
/** Beyond so many servers their names do not fit below the axis. */
const NAMED_SERVERS = 40;

/**
 * One picture of how contestants fared on the same jobs: the distribution of response times, response and queue over
 * time, and how full each server's cache was. A Vega-Lite specification, with the data in it.
 */
export function simulationCharts(contest: Contest, results: readonly ContestantResult[]): Record<string, unknown> {
  const simulated = results.filter((result): result is Simulated => result.kind === 'simulated');
  const names = simulated.map(({ contestant }) => contestant.name);
  const series = simulated.map(({ records }) => runSeries(records, STRETCHES));
  const eachWithName = <Item>(rowsOf: (item: Item, index: number) => readonly Row[], items: readonly Item[]): Row[] =>
    items.flatMap((item, index) => rowsOf(item, index).map((row) => ({ contestant: names[index] ?? '', ...row })));
  const lines = {
    color: { field: 'contestant', type: 'nominal', scale: scale(names, COLOURS, 1), legend: LEGEND },
    ...(names.length > COLOURS.length
      ? {
          strokeDash: {
            field: 'contestant',
            type: 'nominal',
            scale: scale(names, DASHES, COLOURS.length),
            legend: LEGEND,
          },
        }
      : {}),
  };
  const distribution = eachWithName(
    ({ responseQuantiles }) => responseQuantiles.map(({ share, seconds }) => ({ share, seconds })),
    series,
  );
  const overTime = eachWithName(
    (one) => one.overTime.map(({ atSeconds, waiting }) => ({ hours: atSeconds / 3600, waiting })),
    series,
  );
  const responses = eachWithName(
    (one) =>
      one.overTime.flatMap(({ atSeconds, medianResponse, p95Response }) => [
        ...(medianResponse === undefined ? [] : [{ hours: atSeconds / 3600, of: 'half', seconds: medianResponse }]),
        ...(p95Response === undefined ? [] : [{ hours: atSeconds / 3600, of: '95 %', seconds: p95Response }]),
      ]),
    series,
  );
  const use = eachWithName(
    ({ contestant, plan, records }) =>
      [...meanCacheUse(contest, contestant, plan, records)].map(([server, share]) => ({ server, share })),
    simulated,
  );
  const hours = { field: 'hours', type: 'quantitative', title: 'time of arrival (hours)' };
  const longest = Math.max(...responses.map(({ seconds }) => Number(seconds)));
  const typical = series.flatMap((one) => one.responseQuantiles.filter(({ share }) => share >= SHOWN_SHARE));
  const waitedLongest = Math.max(...series.map((one) => one.responseQuantiles.at(-1)?.seconds ?? 0));
  const shortest = Math.min(...typical.map(({ seconds }) => seconds));
  return {
    padding: 16,
    title: { text: `${contest.model.id}: ${contest.jobs.count} requests, ${rate(contest)} a second`, fontSize: 15 },
    columns: 2,
    spacing: { row: 40, column: 40 },
    concat: [
      panel('Requests answered within a time', distribution, {
        mark: { type: 'line', point: false, strokeWidth: 2, clip: true },
        encoding: {
          x: secondsAxis('response time (seconds, log scale)', shortest, waitedLongest),
          y: {
            field: 'share',
            type: 'quantitative',
            title: 'share of requests',
            axis: { format: '%' },
          },
          order: { field: 'share', type: 'quantitative' },
          ...lines,
        },
      }),
      panel('Response: median, 95th percentile (pale)', responses, {
        mark: { type: 'line', point: false },
        encoding: {
          x: hours,
          y: secondsAxis('seconds (log scale)', Math.min(...responses.map(({ seconds }) => Number(seconds))), longest),
          detail: { field: 'of', type: 'nominal' },
          opacity: { condition: { test: "datum.of === 'half'", value: 1 }, value: 0.5 },
          ...lines,
        },
      }),
      panel('Queue: mean of every 2 % of the time', overTime, {
        mark: { type: 'line', point: false },
        encoding: {
          x: hours,
          y: {
            field: 'waiting',
            type: 'quantitative',
            title: 'waiting requests',
            scale: { type: 'sqrt', nice: true },
          },
          ...lines,
        },
      }),
      panel('Cache of servers: mean of all the time', use, {
        mark: { type: 'point', filled: true, size: 55, opacity: 0.85 },
        encoding: {
          x: {
            field: 'server',
            type: 'nominal',
            title: 'server',
            sort: 'ascending',
            axis: new Set(use.map(({ server }) => server)).size > NAMED_SERVERS ? { labels: false, ticks: false } : {},
          },
          y: {
            field: 'share',
            type: 'quantitative',
            title: 'share of cache held',
            axis: { format: '%' },
          },
          color: lines.color,
        },
      }),
    ],
    resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
  };
}

const LEGEND = {
  title: null,
  orient: 'bottom',
  columns: 3,
  labelLimit: 420,
  symbolType: 'stroke',
  symbolSize: 300,
  symbolStrokeWidth: 2.5,
};

function panel(title: string, values: readonly Row[], rest: Record<string, unknown>): Record<string, unknown> {
  return { title, data: { values }, width: WIDTH, height: HEIGHT, ...rest };
}

/** Ranges begin again when they are used up: every `step` names a dash, every name a colour. */
function scale<Value>(names: readonly string[], values: readonly Value[], step: number): Record<string, unknown> {
  return { domain: names, range: names.map((_, i) => values[Math.floor(i / step) % values.length]) };
}

/** Of all requests over the time that they took to come. */
function rate({ jobs, arrivalRatePerSecond }: Contest): string {
  const span = jobs.arrivalSeconds.at(-1) ?? 0;
  return (span > 0 ? (jobs.count - 1) / span : arrivalRatePerSecond).toPrecision(3);
}

/** Seconds on a logarithmic axis, with few and round ticks. */
function secondsAxis(title: string, least: number, most: number): Record<string, unknown> {
  const low = Math.max(least, most / 1e6, Number.MIN_VALUE);
  const perDecade = Math.log10(most / low) > MANY_DECADES ? [1] : [1, 2, 5];
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(most); power += 1)
    values.push(...perDecade.map((digit) => digit * 10 ** power));
  return {
    field: 'seconds',
    type: 'quantitative',
    title,
    scale: { type: 'log', domain: [low, Math.max(most, 1.01 * low)], nice: false },
    axis: { values: values.filter((value) => value >= low && value <= most), format: '~g' },
  };
}
