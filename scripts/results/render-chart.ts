import { loadChartRenderer } from '../../src/commands/render-chart.ts';
import type { Chart } from './results-section.ts';

/** The chart as an SVG document. The same chart gives the same bytes. */
export async function renderChart(chart: Chart): Promise<string> {
  const draw = await loadChartRenderer();
  return draw(chart.spec);
}
