import type { Config, TopLevelSpec } from 'vega-lite';
import { UsageError } from './command-io.ts';

const LOOK: Config = {
  font: 'sans-serif',
  background: 'white',
  axis: { grid: true, gridColor: '#e8e8e8', labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal' },
  legend: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', labelLimit: 260 },
  title: { fontSize: 13, fontWeight: 'normal', anchor: 'start', frame: 'group', offset: 8 },
  view: { stroke: null },
  line: { point: true, strokeWidth: 1.5 },
};

/** Draws a Vega-Lite specification as an SVG document. The same one gives the same bytes. */
export type ChartRenderer = (spec: Readonly<Record<string, unknown>>) => Promise<string>;

/**
 * Loads what draws charts: packages that serving needs nothing of, and that the container image leaves out.
 * @throws UsageError naming them, where they are not installed
 */
export async function loadChartRenderer(): Promise<ChartRenderer> {
  const { vega, vegaLite } = await load();
  return async (spec) => {
    const full = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', ...spec, config: LOOK };
    const compiled = vegaLite.compile(full as unknown as TopLevelSpec).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
    try {
      return `${await view.toSVG()}\n`;
    } finally {
      view.finalize();
    }
  };
}

async function load(): Promise<{ vega: typeof import('vega'); vegaLite: typeof import('vega-lite') }> {
  try {
    const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
    return { vega, vegaLite };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(
      'pictures need the packages vega and vega-lite, which are not installed here: npm install vega vega-lite, ' +
        'or run the command in a clone of the repository after npm ci',
    );
  }
}
