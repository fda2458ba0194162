import type { PlacedSpan, Placement } from '../model/placement.ts';
import { blockCoverage, countUncovered } from './placement-outlook.ts';

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
 * and never more than `limit` at a time. Where some blocks are on no server anyway, nothing else is
 * under way and every pending move would uncover more, the one that uncovers fewest goes: waiting
 * helps nobody then. Where all are covered, such moves are not made: the wave is empty.
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
      add(coverage, hosted, -1);
      displaced += 1;
      wave.push(move);
    } else if (least === undefined || uncovered < least.uncovered) least = { move, uncovered };
  }
  const isBroken = countUncovered(input.blockCount, input.serving) > 0;
  if (wave.length === 0 && input.loading === 0 && isBroken && least !== undefined) wave.push(least.move);
  return wave;
}

/**
 * Whether moves can be made one after another, each server's new blocks loaded before the next one lets
 * go of its own, without any block that is served now ever being served by nobody.
 * O(moves^2 x blocks) at worst, moves x blocks as a rule
 */
export function canRollOut(blockCount: number, current: Placement, moves: readonly PlacedSpan[]): boolean {
  const hosting = new Map(current.map((span) => [span.serverId, span]));
  const coverage = blockCoverage(blockCount, current);
  let pending = moves.filter((move) => {
    if (hosting.has(move.serverId)) return true;
    add(coverage, move, 1);
    return false;
  });
  while (pending.length > 0) {
    const blocked = pending.filter((move) => {
      const hosted = hosting.get(move.serverId);
      if (hosted === undefined || uncoveredWithout(coverage, hosted) > 0) return true;
      add(coverage, hosted, -1);
      add(coverage, move, 1);
      return false;
    });
    if (blocked.length === pending.length) return false;
    pending = blocked;
  }
  return true;
}

/** Blocks that no serving server would host without this one. */
function uncoveredWithout(coverage: Int32Array, hosted: PlacedSpan): number {
  let uncovered = 0;
  for (let block = hosted.firstBlock; block < hosted.firstBlock + hosted.blockCount; block += 1) {
    if ((coverage[block] ?? 0) <= 1) uncovered += 1;
  }
  return uncovered;
}

function add(coverage: Int32Array, span: PlacedSpan, servers: 1 | -1): void {
  for (let block = span.firstBlock; block < span.firstBlock + span.blockCount; block += 1) {
    coverage[block] = (coverage[block] ?? 0) + servers;
  }
}
