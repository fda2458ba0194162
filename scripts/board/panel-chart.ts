import type { Panel } from './board-definition.ts';
import type { Courses, TimeRange } from './prometheus-queries.ts';
import { axisLabels, formatValue } from './units.ts';

/** What a panel shows. */
export interface PanelContent extends Courses {
  readonly range: TimeRange;
  /** What the board marks in every panel: when, milliseconds of Unix time, and in which colour. */
  readonly marks: readonly { readonly time: number; readonly colour: string }[];
}

export interface PanelSize {
  readonly width: number;
  readonly height: number;
}

/** Grafana's classic palette, and its named colours. */
const PALETTE = ['#7EB26D', '#EAB839', '#6ED0E0', '#EF843C', '#E24D42', '#1F78C1', '#BA43A9', '#705DA0', '#508642'];
const NAMED: Readonly<Record<string, string>> = {
  green: '#73BF69',
  yellow: '#F2CC0C',
  orange: '#FF9830',
  red: '#F2495C',
  blue: '#5794F2',
};
const LEGEND_CHARACTER = 6.8;
const LEGEND_SYMBOL = 32;
/** Legends begin where the axis does. */
const LEGEND_INDENT = 60;
const LEGEND_LINES = 3;

/** The panel as a Vega-Lite specification, as near to what Grafana shows as its definition says. */
export function panelChart(panel: Panel, content: PanelContent, size: PanelSize): Readonly<Record<string, unknown>> {
  const frame = {
    ...size,
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 8, right: 12, top: 6, bottom: 6 },
    title: { text: panel.title, anchor: 'start', fontSize: 12, fontWeight: 600, offset: 6, frame: 'bounds' },
  };
  if (isEmpty(content)) return { ...frame, ...text('No data', '#888', 13) };
  return { ...frame, ...(panel.type === 'stat' ? stat(panel, content) : courses(panel, content, size.width)) };
}

/** Whether there is nothing to show. */
export function isEmpty({ series }: Courses): boolean {
  return series.every(({ values }) => values.every((value) => value === null));
}

function text(what: string, color: string, fontSize: number): object {
  return { data: { values: [{}] }, mark: { type: 'text', text: what, fontSize, fontWeight: 600, color } };
}

/** The latest value over its course. */
function stat({ fieldConfig: { defaults } }: Panel, { series, times, range }: PanelContent): object {
  const values = series[0]?.values ?? [];
  const latest = values.findLast((value) => value !== null) ?? 0;
  const steps = defaults.thresholds?.steps ?? [];
  const colour = named(steps.findLast(({ value }) => value === null || latest >= value)?.color ?? 'green');
  return {
    layer: [
      {
        data: { values: values.map((value, at) => ({ time: times[at], value })) },
        mark: { type: 'area', color: colour, opacity: 0.2, invalid: 'break-paths-show-domains' },
        encoding: { x: { ...timeAxis(range), axis: null }, y: { field: 'value', type: 'quantitative', axis: null } },
      },
      text(formatValue(latest, defaults.unit), colour, 30),
    ],
  };
}

function courses(panel: Panel, { series, times, marks, range }: PanelContent, width: number): object {
  const { unit, custom } = panel.fieldConfig.defaults;
  const isLog = custom?.scaleDistribution?.type === 'log';
  const isStacked = custom?.stacking?.mode === 'normal';
  const values = series.flatMap(({ name, values: own }) => own.map((value, at) => ({ time: times[at], value, name })));
  const names = [...new Set(series.map(({ name }) => name))];
  const colours = names.map((name, at) => fixedColour(panel, name) ?? PALETTE[at % PALETTE.length]);
  const y = {
    field: 'value',
    type: 'quantitative',
    stack: isStacked ? 'zero' : null,
    scale: isLog ? { type: 'log', nice: true } : { zero: panel.fieldConfig.defaults.min === 0 },
    axis: { title: null, labelExpr: axisLabels(unit), tickCount: isLog ? 3 : 4, domain: false, ticks: false },
  };
  const hasLegend = panel.options.legend?.showLegend !== false && names.some((name) => name !== '');
  const color = {
    field: 'name',
    type: 'nominal',
    scale: { domain: names, range: colours },
    legend: hasLegend ? legend(names, width, custom?.drawStyle === 'bars') : null,
  };
  const events = {
    data: { values: marks },
    mark: { type: 'rule', strokeDash: [4, 3], strokeWidth: 1 },
    encoding: { x: timeAxis(range), stroke: { field: 'colour', type: 'nominal', scale: null } },
  };
  const course = {
    data: { values },
    mark: mark(panel, width / times.length),
    encoding: { x: timeAxis(range), y, color },
  };
  return { layer: [events, course], resolve: { scale: { stroke: 'independent' } } };
}

function mark({ fieldConfig }: Panel, stepWidth: number): object {
  const { custom } = fieldConfig.defaults;
  const fillOpacity = (custom?.fillOpacity ?? 0) / 100;
  if (custom?.drawStyle === 'bars')
    return { type: 'bar', clip: true, fillOpacity, width: Math.max(2, 0.5 * stepWidth) };
  const invalid = 'break-paths-show-domains';
  const line = { strokeWidth: 1.2, point: false };
  return fillOpacity > 0 ? { type: 'area', fillOpacity, line, invalid } : { type: 'line', ...line, invalid };
}

function fixedColour({ fieldConfig }: Panel, name: string): string | undefined {
  const own = fieldConfig.overrides.find(({ matcher }) => matcher.options === name);
  const property = own?.properties.find(({ id }) => id === 'color');
  return property === undefined ? undefined : named(property.value.fixedColor);
}

/** A colour of the board as the picture has it. */
export function named(colour: string): string {
  return NAMED[colour] ?? colour;
}

function timeAxis({ startSeconds, endSeconds }: TimeRange): object {
  return {
    field: 'time',
    type: 'temporal',
    scale: { domain: [1000 * startSeconds, 1000 * endSeconds], nice: false, type: 'utc' },
    axis: { title: null, format: '%H:%M', tickCount: 5, grid: false },
  };
}

/** Below the panel, in as many columns as fit, and cut off where Grafana would let one scroll. */
function legend(names: readonly string[], width: number, isBars: boolean): object {
  const longest = Math.max(...names.map((name) => name.length));
  const columns = Math.max(1, Math.floor((width - LEGEND_INDENT) / (longest * LEGEND_CHARACTER + LEGEND_SYMBOL)));
  return {
    title: null,
    orient: 'bottom',
    direction: 'horizontal',
    columns,
    columnPadding: 6,
    values: names.slice(0, columns * LEGEND_LINES),
    symbolType: isBars ? 'square' : 'stroke',
    symbolStrokeWidth: isBars ? 0 : 3,
    symbolOpacity: 1,
  };
}
