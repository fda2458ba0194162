import type { Board, Target } from './board-definition.ts';

/** What is asked for: seconds of Unix time, both ends included. */
export interface TimeRange {
  readonly startSeconds: number;
  readonly endSeconds: number;
}

export interface Series {
  /** As the legend has it. */
  readonly name: string;
  /** One value for each step; null where the query has none (or not a number), which leaves a gap in the line. */
  readonly values: readonly (number | null)[];
}

/** Values of several series at the same times, milliseconds of Unix time. */
export interface Courses {
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

/** Grafana asks for one point a pixel at most, and never for more than there are samples. */
const POINTS_PER_PANEL = 400;

interface MatrixRow {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/** Asks a Prometheus what Grafana would ask it for a board: its variables filled in as Grafana fills them in. */
export class PrometheusQueries {
  readonly #url: string;
  readonly #range: TimeRange;
  readonly #scrapeSeconds: number;
  readonly #model: string;

  private constructor(url: string, range: TimeRange, scrapeSeconds: number, model: string) {
    this.#url = url;
    this.#range = range;
    this.#scrapeSeconds = scrapeSeconds;
    this.#model = model;
  }

  /** @param url base address of the Prometheus   @throws Error when it does not answer, or knows no model */
  static async open(url: string, range: TimeRange, board: Board): Promise<PrometheusQueries> {
    const [, series = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(board.modelQuery) ?? [];
    const found = await ask(`${url}/api/v1/label/${label}/values?${new URLSearchParams({ 'match[]': series })}`);
    const models = found as readonly string[];
    if (models.length === 0) throw new Error(`${url} has no ${series}: does it scrape a dispatcher?`);
    return new PrometheusQueries(url, range, board.scrapeSeconds, `(${models.join('|')})`);
  }

  /**
   * What the targets of a panel show over the whole range.
   * @param interval shortest time between two values (`20s`, `1m`), where it is not the scrape's
   */
  async courses(targets: readonly Target[], interval?: string): Promise<Courses> {
    const { startSeconds, endSeconds } = this.#range;
    const finest = interval === undefined ? this.#scrapeSeconds : secondsOf(interval);
    const step = Math.ceil(Math.max((endSeconds - startSeconds) / POINTS_PER_PANEL, finest));
    // As Grafana does it, a step's values stand at whole multiples of the step.
    const start = Math.ceil(startSeconds / step) * step;
    const count = Math.max(1, Math.floor((endSeconds - start) / step) + 1);
    const times = Array.from({ length: count }, (_, at) => 1000 * (start + at * step));
    const series = targets.map(async ({ expr, legendFormat }) => {
      const parameters = {
        query: this.#filled(expr, step),
        start: String(start),
        end: String(endSeconds),
        step: String(step),
      };
      const data = await ask(`${this.#url}/api/v1/query_range?${new URLSearchParams(parameters)}`);
      return (data as { readonly result: readonly MatrixRow[] }).result.map(({ metric, values }): Series => {
        const byTime = new Map(values.map(([seconds, value]) => [1000 * seconds, Number(value)]));
        const name = legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '');
        return { name, values: times.map((time) => finite(byTime.get(time))) };
      });
    });
    return { times, series: (await Promise.all(series)).flat() };
  }

  /** https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables has the rate's interval. */
  #filled(expr: string, step: number): string {
    const rateSeconds = Math.max(step + this.#scrapeSeconds, 4 * this.#scrapeSeconds);
    return expr.replaceAll('$model', this.#model).replaceAll('$__rate_interval', `${rateSeconds}s`);
  }
}

function secondsOf(interval: string): number {
  const [, count, unit] = /^(\d+)([sm])$/.exec(interval) ?? [];
  if (count === undefined) throw new Error(`the interval ${interval} is not in seconds or minutes`);
  return Number(count) * (unit === 'm' ? 60 : 1);
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

async function ask(url: string): Promise<unknown> {
  const reply = await fetch(url);
  const { status, error, data } = (await reply.json()) as { status: string; error?: string; data?: unknown };
  if (status !== 'success') throw new Error(`${url}: ${error}`);
  return data;
}
