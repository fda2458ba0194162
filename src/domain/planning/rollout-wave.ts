import type { PlacedSpan, Placement } from '../model/placement.ts';
import { blockCoverage } from './placement-outlook.ts';

export interface WaveInput {
  /** L. */
  readonly blockCount: number;
  /** What accepts sessions now. */
  readonly serving: Placement;
  /** Spans still to be ordered; `blockCount` 0 empties a server. */
  readonly pending: readonly PlacedSpan[];
  /** Servers that are loading now. */
  readonly loading: number;
  /** Serving servers that may be out of service at once, >= 1. */
  readonly limit: number;
}

/**
 * Which of the pending moves to order now, so that what serves goes on serving: servers that serve
 * nothing at once; a serving one only while every block that it hosts stays on another serving server,
 * and never more than `limit` at a time. When nothing else is under way and every pending move would
 * uncover blocks, the one that uncovers fewest goes: the placement is wanted, and waiting helps nobody.
 * Ties keep the input's order. O(pending x blocks)
 */
export function chooseWave(input: WaveInput): readonly PlacedSpan[] {
  const serving = new Map(input.serving.map((span) => [span.serverId, span]));
  const coverage = blockCoverage(input.blockCount, input.serving);
  const wave: PlacedSpan[] = [];
  let displaced = input.loading;
  let least: { readonly move: PlacedSpan; readonly uncovered: number } | undefined;
  for (const move of input.pending) {
    const hosted = serving.get(move.serverId);
    if (hosted === undefined) {
      wave.push(move);
      continue;
    }
    const uncovered = uncoveredWithout(coverage, hosted);
    if (uncovered === 0 && displaced < input.limit) {
      takeAway(coverage, hosted);
      displaced += 1;
      wave.push(move);
    } else if (least === undefined || uncovered < least.uncovered) least = { move, uncovered };
  }
  if (wave.length === 0 && input.loading === 0 && least !== undefined) wave.push(least.move);
  return wave;
}

/** Blocks that no serving server would host without this one. */
function uncoveredWithout(coverage: Int32Array, hosted: PlacedSpan): number {
  let uncovered = 0;
  for (let block = hosted.firstBlock; block < hosted.firstBlock + hosted.blockCount; block += 1) {
    if ((coverage[block] ?? 0) <= 1) uncovered += 1;
  }
  return uncovered;
}

function takeAway(coverage: Int32Array, hosted: PlacedSpan): void {
  for (let block = hosted.firstBlock; block < hosted.firstBlock + hosted.blockCount; block += 1) {
    coverage[block] = (coverage[block] ?? 0) - 1;
  }
}
