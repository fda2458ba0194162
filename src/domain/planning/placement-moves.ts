import type { Span } from '../model/span.ts';
import type { Rng } from '../shared/rng.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';

/** Blocks that a span grows, shrinks or shifts by at most. */
const MOST_STEPS = 3;

/**
 * A placement with one server changed: its span moved to where another one starts or ends (between
 * them, a hand-over could only waste blocks), made longer or shorter, shifted, exchanged with another
 * server's, taken out, or brought in where it held nothing. Pinned servers never change.
 * @returns undefined when the draw changes nothing
 */
export function drawMove(swarm: IndexedSwarm, placement: IndexedPlacement, rng: Rng): IndexedPlacement | undefined {
  const pick = (count: number): number => Math.min(count - 1, Math.floor(rng.next() * count));
  const j = pick(swarm.serverIds.length);
  const other = pick(swarm.serverIds.length);
  const most = mostBlocks(swarm, j);
  if (swarm.pinned.has(j) || most < 1) return undefined;
  const first = placement.firstBlock[j] ?? 0;
  const held = placement.blockCount[j] ?? 0;
  const atStart = pick(2) === 1;
  const boundary = boundaryOf(swarm, placement, other, pick(2) === 1);
  /** A span of `count` blocks that starts or ends at a boundary of another server. */
  const moved = (count: number): Span => ({ firstBlock: atStart ? boundary : boundary - count, blockCount: count });
  if (held === 0) return withSpan(swarm, placement, j, moved(1 + pick(most)));
  const move = pick(20);
  if (move < 3) return withSpan(swarm, placement, j, { firstBlock: 0, blockCount: 0 });
  if (move < 8) return withSpan(swarm, placement, j, moved(held));
  if (move < 14) {
    const steps = (1 + pick(MOST_STEPS)) * (pick(2) === 1 ? 1 : -1);
    const count = Math.max(1, Math.min(most, held + steps));
    return withSpan(swarm, placement, j, { firstBlock: atStart ? first : first + held - count, blockCount: count });
  }
  if (move < 16) {
    const count = 1 + pick(most);
    return withSpan(swarm, placement, j, { firstBlock: atStart ? first : first + held - count, blockCount: count });
  }
  if (move < 18) {
    const steps = (1 + pick(MOST_STEPS)) * (pick(2) === 1 ? 1 : -1);
    return withSpan(swarm, placement, j, { firstBlock: first + steps, blockCount: held });
  }
  return exchanged(swarm, placement, j, other);
}

/** m_j(1): blocks that leave room for one session. */
function mostBlocks(swarm: IndexedSwarm, j: number): number {
  const fitting = Math.floor((swarm.memoryBytes[j] ?? 0) / (swarm.blockBytes + swarm.leastCacheBytesPerBlock));
  return Math.min(swarm.blockCount, fitting);
}

function exchanged(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  j: number,
  other: number,
): IndexedPlacement | undefined {
  const held = placement.blockCount[j] ?? 0;
  const theirs = placement.blockCount[other] ?? 0;
  const fits = held <= mostBlocks(swarm, other) && theirs <= mostBlocks(swarm, j);
  if (j === other || swarm.pinned.has(other) || !fits) return undefined;
  const given = { firstBlock: placement.firstBlock[j] ?? 0, blockCount: held };
  const taken = { firstBlock: placement.firstBlock[other] ?? 0, blockCount: theirs };
  const half = withSpan(swarm, placement, j, taken);
  return half && (withSpan(swarm, half, other, given) ?? half);
}

/** The placement with server j's span replaced, pushed into the model where it sticks out; undefined when it is the same. */
function withSpan(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  j: number,
  span: Span,
): IndexedPlacement | undefined {
  const first = Math.max(0, Math.min(span.firstBlock, swarm.blockCount - span.blockCount));
  if (span.blockCount === placement.blockCount[j] && first === placement.firstBlock[j]) return undefined;
  const firstBlock = placement.firstBlock.slice();
  const blockCount = placement.blockCount.slice();
  firstBlock[j] = first;
  blockCount[j] = span.blockCount;
  return { firstBlock, blockCount };
}

/** Where another server's span starts or ends; the model's own start or end where that server holds nothing. */
function boundaryOf(swarm: IndexedSwarm, placement: IndexedPlacement, server: number, atEnd: boolean): number {
  const held = placement.blockCount[server] ?? 0;
  if (held === 0) return atEnd ? swarm.blockCount : 0;
  return (placement.firstBlock[server] ?? 0) + (atEnd ? held : 0);
}
