import { readFileSync } from 'node:fs';

const GRAFANA = new URL('../../config/grafana/', import.meta.url);

export interface Target {
  readonly expr: string;
  /** `{{label}}` stands for a label's value; empty: the title of the panel says it all. */
  readonly legendFormat: string;
}

/** A panel as far as it is drawn. Positions and sizes in cells of the board's grid. */
export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: 'stat' | 'timeseries';
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly Target[];
  /** Shortest time between two values, where that is not the data source's: `1m`. */
  readonly interval?: string;
  readonly options: { readonly legend?: { readonly showLegend?: boolean } };
  readonly fieldConfig: {
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: { readonly fixedColor: string } }[];
    }[];
    readonly defaults: {
      readonly unit?: string;
      readonly decimals?: number;
      readonly min?: number;
      readonly max?: number;
      readonly custom?: {
        readonly fillOpacity?: number;
        readonly drawStyle?: 'line' | 'bars';
        readonly stacking?: { readonly mode: string };
        readonly scaleDistribution?: { readonly type: string };
      };
      readonly thresholds?: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
    };
  };
}

/** A heading over the panels below it. */
export interface Heading {
  readonly title: string;
  readonly type: 'row';
  readonly gridPos: Panel['gridPos'];
}

/** The provisioned board, and how often its data source is scraped. */
export interface Board {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly headings: readonly Heading[];
  readonly annotations: readonly { readonly name: string; readonly expr: string; readonly iconColor: string }[];
  /** Query of the variable `$model`: `label_values(SERIES, LABEL)`. */
  readonly modelQuery: string;
  readonly scrapeSeconds: number;
}

/** Columns of Grafana's grid. */
export const GRID_COLUMNS = 24;

interface BoardFile {
  readonly title: string;
  readonly panels: readonly (Panel | Heading)[];
  readonly annotations: { readonly list: Board['annotations'] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: { readonly query: string } }[];
  };
}

/** Reads what Grafana is provisioned with. @throws Error for a panel of a type that is not drawn here */
export function readBoard(): Board {
  const file = JSON.parse(readFileSync(new URL('dashboards/daisychain.json', GRAFANA), 'utf8')) as BoardFile;
  const headings = file.panels.filter((panel) => panel.type === 'row');
  const panels = file.panels.filter((panel) => panel.type !== 'row');
  const unknown = panels.find(({ type }) => type !== 'stat' && type !== 'timeseries');
  if (unknown !== undefined) throw new Error(`panel '${unknown.title}': the type ${unknown.type} is not drawn here`);
  const model = file.templating.list.find(({ name }) => name === 'model');
  if (model === undefined) throw new Error('the board has no variable $model');
  const source = readFileSync(new URL('provisioning/datasources/prometheus.yml', GRAFANA), 'utf8');
  const scrape = /timeInterval: (\d+)s/.exec(source)?.[1];
  if (scrape === undefined) throw new Error('the provisioned data source has no timeInterval in seconds');
  const { title, annotations } = file;
  const modelQuery = model.query.query;
  return { title, panels, headings, annotations: annotations.list, modelQuery, scrapeSeconds: Number(scrape) };
}
