import type { Span } from './span.ts';

/** A server that holds blocks. */
export interface PlacedSpan extends Span {
  readonly serverId: string;
}

/** Servers that hold blocks, in the order of the planner's input; those that hold none are absent. */
export type Placement = readonly PlacedSpan[];
