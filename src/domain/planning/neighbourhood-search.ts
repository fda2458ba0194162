import type { Span } from '../model/span.ts';
import type { Rng } from '../shared/rng.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';
import type { PlanJudge } from './plan-judge.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';

/** A plan as good as the best is kept, so it is judged too. */
const JUST_ABOVE = 1 + 1e-12;

/**
 * Improves a placement by small changes of one server or two: move its span, make it longer or
 * shorter, take it out, or bring in a server that holds nothing. A change that makes the plan no
 * worse is kept (some help only once another has come), any other undone. The moves come from `rng`,
 * so the same stream gives the same plan.
 *
 * Spans start or end where those of other servers do: between them, a hand-over could only waste blocks.
 * @param budget plans to look at, >= 0
 */
export function improvePlacement(
  swarm: IndexedSwarm,
  start: ReservedPlan,
  judge: PlanJudge,
  budget: number,
  rng: Rng,
): ReservedPlan {
  let best = start;
  let bestValue = judge.value(start.chains);
  for (let tried = 0; tried < budget && judge.isSpent?.() !== true; tried += 1) {
    let placement = neighbour(swarm, best.placement, rng);
    // Two servers often have to move together: one grows where the other shrinks.
    if (tried % 2 === 1) placement = neighbour(swarm, placement ?? best.placement, rng) ?? placement;
    if (placement === undefined) continue;
    const giveUpAt = judge.respectsServiceTime ? bestValue : undefined;
    const plan = composePlacement(swarm, placement, start.reservedSlots, giveUpAt);
    if (plan === undefined) continue;
    const value = judge.value(plan.chains, bestValue && bestValue * JUST_ABOVE);
    if (value === undefined || (bestValue !== undefined && value > bestValue)) continue;
    best = plan;
    bestValue = value;
  }
  return best;
}

/** The placement with one server changed; undefined when the draw changes nothing. */
function neighbour(swarm: IndexedSwarm, placement: IndexedPlacement, rng: Rng): IndexedPlacement | undefined {
  const pick = (count: number): number => Math.min(count - 1, Math.floor(rng.next() * count));
  const j = pick(swarm.serverIds.length);
  if (swarm.pinned.has(j)) return undefined;
  const most = Math.min(
    swarm.blockCount,
    Math.floor((swarm.memoryBytes[j] ?? 0) / (swarm.blockBytes + swarm.cacheBytesPerBlock)),
  );
  if (most < 1) return undefined;
  const first = placement.firstBlock[j] ?? 0;
  const held = placement.blockCount[j] ?? 0;
  const boundary = boundaryOf(swarm, placement, pick(swarm.serverIds.length), pick(2) === 1);
  const atStart = pick(2) === 1;
  /** A span of `count` blocks that starts or ends at a boundary of another server. */
  const moved = (count: number): Span => ({ firstBlock: atStart ? boundary : boundary - count, blockCount: count });
  if (held === 0) return withSpan(swarm, placement, j, moved(1 + pick(most)));
  const move = pick(4);
  if (move === 0) return withSpan(swarm, placement, j, { firstBlock: 0, blockCount: 0 });
  if (move < 3) return withSpan(swarm, placement, j, moved(held));
  const count = 1 + pick(most);
  return withSpan(swarm, placement, j, { firstBlock: atStart ? first : first + held - count, blockCount: count });
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
