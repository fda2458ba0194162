import { baselineGrid } from './baseline-grid.ts';
import type { ResultsSection } from './results-section.ts';

// Cells and values are opaque here: they pass through JSON between a section's own functions.
const opaque = <Cell, Value>(section: ResultsSection<Cell, Value>): ResultsSection<unknown, unknown> =>
  section as ResultsSection<unknown, unknown>;

/** All sections of the report, in its order, by the name of their file in this folder. */
export const sections: Readonly<Record<string, ResultsSection<unknown, unknown>>> = {
  'baseline-grid': opaque(baselineGrid),
};
