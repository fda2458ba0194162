import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createDaisychainFamilies } from '../../src/adapters/observability/metric-families.ts';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: { readonly query: string } }[];
  };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

const file = (name: string): string => readFileSync(new URL(`../../config/grafana/${name}`, import.meta.url), 'utf8');
const { panels, ...rest } = JSON.parse(file('dashboards/daisychain.json')) as Dashboard;
/** Without the headings over groups of them, which ask for nothing. */
const dashboard: Dashboard = { ...rest, panels: panels.filter(({ type }) => type !== 'row') };

/** Labels of every series that the product exports under its own prefix, by the series' name. */
const labelsBySeries = new Map<string, ReadonlySet<string>>();
const registry = new Registry();
createDaisychainFamilies(registry);
for (const { name } of await registry.getMetricsAsJSON()) {
  const metric = registry.getSingleMetric(name) as unknown as {
    labelNames: readonly string[];
    type?: string;
    buckets?: unknown;
  };
  const labels = new Set([...metric.labelNames, 'model_name']);
  labelsBySeries.set(name, labels);
  if (metric.buckets !== undefined) {
    for (const suffix of ['_sum', '_count']) labelsBySeries.set(name + suffix, labels);
    labelsBySeries.set(`${name}_bucket`, new Set([...labels, 'le']));
  }
}

const expressions = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ query }) => query.query),
  ...dashboard.annotations.list.map(({ expr }) => expr),
];

describe('the Grafana dashboard', () => {
  it('asks only for series that the dispatcher exports', () => {
    const names = new Set(expressions.flatMap((text) => text.match(/daisychain_\w+/g) ?? []));
    expect(names.size).toBeGreaterThan(20);
    expect([...names].filter((name) => !labelsBySeries.has(name))).toEqual([]);
  });

  it('groups and filters by labels that those series have', () => {
    for (const { title, targets } of dashboard.panels) {
      for (const { expr, legendFormat } of targets) {
        const available = (expr.match(/daisychain_\w+/g) ?? []).map((name) => labelsBySeries.get(name) ?? new Set());
        const filtered = [...expr.matchAll(/[{,]\s*(\w+)\s*(?:=~|!~|!=|=)/g)].map((match) => match[1] ?? '');
        const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? '').split(/,\s*/));
        for (const label of [...filtered, ...grouped]) {
          expect(
            available.every((labels) => labels.has(label)),
            `${title}: ${label} in ${expr}`,
          ).toBe(true);
        }
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(grouped, title).toContain(label);
      }
    }
  });

  it('shows every family that the dispatcher exports, but for the one that says who leads', () => {
    const shown = new Set(
      expressions
        .flatMap((text) => text.match(/daisychain_\w+/g) ?? [])
        .map((name) => name.replace(/_(?:bucket|sum|count)$/, '')),
    );
    const families = registry.getMetricsAsArray().map(({ name }) => name);
    expect(families.filter((name) => !shown.has(name))).toEqual([
      'daisychain_plan_reserved_slots',
      'daisychain_plan_slot_tokens',
      'daisychain_leader',
    ]);
  });

  it('writes brackets in pairs', () => {
    for (const text of expressions) {
      for (const [open, close] of ['()', '{}', '[]'].map((pair) => pair.split(''))) {
        expect(text.split(open as string).length, text).toBe(text.split(close as string).length);
      }
    }
  });

  it('uses the data source that is provisioned', () => {
    const { datasources } = parse(file('provisioning/datasources/prometheus.yml')) as {
      datasources: { uid: string }[];
    };
    const uids = new Set(
      dashboard.panels.flatMap((panel) => [
        panel.datasource.uid,
        ...panel.targets.map((target) => target.datasource.uid),
      ]),
    );
    expect([...uids]).toEqual(datasources.map(({ uid }) => uid));
  });

  it('lays its panels out side by side without holes, each with an id and a title of its own', () => {
    const taken = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length).toBe(24 * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)));
    expect(panels.every(({ gridPos }) => gridPos.x + gridPos.w <= 24)).toBe(true);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });
});
