import type { Rng } from '../shared/rng.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';
import type { PlanJudge } from './plan-judge.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';

/**
 * Improves a placement by small changes, one server at a time: move its span, make it longer or
 * shorter, take it out, or bring in a server that holds nothing. A change that makes the plan better is
 * kept, any other undone. The moves come from `rng`, so the same stream gives the same plan.
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
  for (let tried = 0; tried < budget; tried += 1) {
    const placement = neighbour(swarm, best.placement, rng);
    if (placement === undefined) continue;
    const giveUpAt = judge.respectsServiceTime ? bestValue : undefined;
    const plan = composePlacement(swarm, placement, start.reservedSlots, giveUpAt);
    if (plan === undefined) continue;
    const value = judge.value(plan.chains);
    if (value === undefined || (bestValue !== undefined && value >= bestValue)) continue;
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
  const held = placement.blockCount[j] ?? 0;
  const kind = held === 0 ? 'bring in' : (['move', 'move', 'resize', 'take out'] as const)[pick(4)];
  const count = kind === 'move' ? held : kind === 'take out' ? 0 : 1 + pick(most);
  const boundary = boundaryOf(swarm, placement, pick(swarm.serverIds.length), pick(2) === 1);
  const isStart = pick(2) === 1;
  const wanted = isStart ? boundary : boundary - count;
  const firstBlock =
    kind === 'resize' && !isStart
      ? (placement.firstBlock[j] ?? 0) + held - count
      : kind === 'resize'
        ? (placement.firstBlock[j] ?? 0)
        : wanted;
  const first = Math.max(0, Math.min(firstBlock, swarm.blockCount - count));
  if (count === held && first === placement.firstBlock[j]) return undefined;
  const changed = { firstBlock: placement.firstBlock.slice(), blockCount: placement.blockCount.slice() };
  changed.firstBlock[j] = count === 0 ? 0 : first;
  changed.blockCount[j] = count;
  return changed;
}

/** Where another server's span starts or ends; the model's own start or end where that server holds nothing. */
function boundaryOf(swarm: IndexedSwarm, placement: IndexedPlacement, server: number, atEnd: boolean): number {
  const held = placement.blockCount[server] ?? 0;
  if (held === 0) return atEnd ? swarm.blockCount : 0;
  return (placement.firstBlock[server] ?? 0) + (atEnd ? held : 0);
}
