import { parse, View } from 'vega';
import type { Config, TopLevelSpec } from 'vega-lite';
import { compile } from 'vega-lite';
import type { Chart } from './results-section.ts';

const LOOK: Config = {
  font: 'sans-serif',
  background: 'white',
  axis: { grid: true, gridColor: '#e8e8e8', labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal' },
  legend: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', labelLimit: 260 },
  view: { stroke: null },
  line: { point: true, strokeWidth: 1.5 },
};

/** The chart as an SVG document. The same chart gives the same bytes. */
export async function renderChart(chart: Chart): Promise<string> {
  const spec = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', ...chart.spec, config: LOOK };
  const view = new View(parse(compile(spec as unknown as TopLevelSpec).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
