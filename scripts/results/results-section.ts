/** How many repetitions a run of the results makes: topologies per cell of the grids. */
export interface Effort {
  /** Integer >= 1. */
  readonly runs: number;
}

/** A Vega-Lite specification and the file that its picture goes to. */
export interface Chart {
  /** Kebab-case, without the extension. */
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A part of the report: Markdown below its heading, and the pictures that it shows. */
export interface RenderedSection {
  readonly markdown: string;
  readonly charts: readonly Chart[];
}

/** What one cell was and what came out of it. */
export interface Outcome<Cell, Value> {
  readonly cell: Cell;
  readonly value: Value;
}

/**
 * One question of the report. Its cells are independent pieces of work that run in any order on any
 * core and are kept on disk: cells and values are plain JSON, and a value depends on its cell alone.
 */
export interface ResultsSection<Cell, Value> {
  readonly title: string;
  cells(effort: Effort): readonly Cell[];
  run(cell: Cell): Value | Promise<Value>;
  /** @param outcomes in the order of `cells` */
  render(outcomes: readonly Outcome<Cell, Value>[]): RenderedSection;
}
