import { arrivalPatterns } from './arrival-patterns.ts';
import { baselineGrid } from './baseline-grid.ts';
import { boundsAndExact } from './bounds-and-exact.ts';
import { dispatchPolicies } from './dispatch-policies.ts';
import { llamaTrace } from './llama-trace.ts';
import { optimalityGap } from './optimality-gap.ts';
import { reservationByRate } from './reservation-by-rate.ts';
import type { ResultsSection } from './results-section.ts';
import { sharedComputeGrid } from './shared-compute-grid.ts';

// Cells and values are opaque here: they pass through JSON between a section's own functions.
const opaque = <Cell, Value>(section: ResultsSection<Cell, Value>): ResultsSection<unknown, unknown> =>
  section as ResultsSection<unknown, unknown>;

/** All sections of the report, in its order, by the name of their file in this folder. */
export const sections: Readonly<Record<string, ResultsSection<unknown, unknown>>> = {
  'baseline-grid': opaque(baselineGrid),
  'dispatch-policies': opaque(dispatchPolicies),
  'reservation-by-rate': opaque(reservationByRate),
  'bounds-and-exact': opaque(boundsAndExact),
  'llama-trace': opaque(llamaTrace),
  'arrival-patterns': opaque(arrivalPatterns),
  'shared-compute-grid': opaque(sharedComputeGrid),
  'optimality-gap': opaque(optimalityGap),
};
