import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { codeVersion } from '../../../scripts/results/code-version.ts';
import { openOutcomeCache } from '../../../scripts/results/outcome-cache.ts';
import { renderChart } from '../../../scripts/results/render-chart.ts';
import { runCells } from '../../../scripts/results/run-cells.ts';

describe('the results command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'daisychain-results-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes an outcome again only for the same cell and the same code', () => {
    openOutcomeCache(folder, 'grid', 'one').write({ run: 1 }, { seconds: 7.5 });
    expect(openOutcomeCache(folder, 'grid', 'one').read({ run: 1 })).toEqual({ seconds: 7.5 });
    expect(openOutcomeCache(folder, 'grid', 'one').read({ run: 2 })).toBeUndefined();
    expect(openOutcomeCache(folder, 'grid', 'two').read({ run: 1 })).toBeUndefined();
  });

  it('tells apart sections that come from other files', () => {
    expect(codeVersion('scripts/results/baseline-grid.ts')).toMatch(/^[0-9a-f]{16}$/);
    expect(codeVersion('scripts/results/baseline-grid.ts')).not.toBe(codeVersion('scripts/results/llama-trace.ts'));
  });

  it('gives the same outcome of a cell on a thread, every time', async () => {
    const cell = { reservedSlots: 20, ratePerSecond: 0.2 };
    const tasks = [0, 1].map((id) => ({ id, section: 'bounds-and-exact', cell }));
    const values: unknown[] = [];
    await runCells(tasks, 2, (_, value) => values.push(value));
    expect(values).toHaveLength(2);
    expect(values[0]).toEqual(values[1]);
    expect((values[0] as { lower: number }).lower).toBeCloseTo(12.6, 1);
  });

  it('draws the same chart as the same SVG', async () => {
    const chart = {
      name: 'x',
      spec: { data: { values: [{ a: 1, b: 2 }] }, mark: 'point', encoding: { x: { field: 'a' }, y: { field: 'b' } } },
    };
    const svg = await renderChart(chart);
    expect(svg).toMatch(/^<svg /);
    expect(await renderChart(chart)).toBe(svg);
  });
});
