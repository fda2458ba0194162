/** How Grafana writes numbers of a unit: a factor and a suffix by size. */
interface Scale {
  /** From this size on, absolute. */
  readonly from: number;
  readonly divisor: number;
  readonly suffix: string;
}

const PLAIN: readonly Scale[] = [{ from: 0, divisor: 1, suffix: '' }];
const THOUSANDS = (unit: string): readonly Scale[] => [
  { from: 1e6, divisor: 1e6, suffix: ` M${unit}`.trimEnd() },
  { from: 1e3, divisor: 1e3, suffix: ` K${unit}`.trimEnd() },
  { from: 0, divisor: 1, suffix: unit === '' ? '' : ` ${unit}` },
];
const SCALES: Readonly<Record<string, readonly Scale[]>> = {
  none: PLAIN,
  short: THOUSANDS(''),
  reqps: THOUSANDS('req/s'),
  ops: THOUSANDS('ops/s'),
  percentunit: [{ from: 0, divisor: 0.01, suffix: '%' }],
  s: [
    { from: 3600, divisor: 3600, suffix: ' h' },
    { from: 60, divisor: 60, suffix: ' min' },
    { from: 1, divisor: 1, suffix: ' s' },
    { from: 1e-3, divisor: 1e-3, suffix: ' ms' },
    { from: 1e-9, divisor: 1e-6, suffix: ' µs' },
    { from: 0, divisor: 1, suffix: ' s' },
  ],
};

/** @throws Error for a unit that is not known here */
function scalesOf(unit: string | undefined): readonly Scale[] {
  const scales = SCALES[unit ?? 'none'];
  if (scales === undefined) throw new Error(`the unit ${unit} is not drawn here`);
  return scales;
}

/** A value with its unit, at most three digits behind the point. */
export function formatValue(value: number, unit: string | undefined): string {
  const scales = scalesOf(unit);
  const { divisor, suffix } = scales.find(({ from }) => Math.abs(value) >= from) ?? (scales.at(-1) as Scale);
  return `${Number((value / divisor).toPrecision(3))}${suffix}`;
}

/** The same as an expression of Vega for the labels of an axis. */
export function axisLabels(unit: string | undefined): string {
  return scalesOf(unit)
    .map(
      ({ from, divisor, suffix }) =>
        `abs(datum.value) >= ${from} ? format(datum.value / ${divisor}, '.3~r') + '${suffix}'`,
    )
    .join(' : ')
    .concat(" : ''");
}
