import type { TransportHop } from '../../application/ports/chain-transport.ts';
import type { HopHistory } from './hop-history.ts';
import type { HopLane, LaneStep } from './hop-lane.ts';

/** All inputs of a history as it is now, as steps that are read one at a time. @param maxRows positions per step */
export function replayOf(history: HopHistory, maxRows: number): () => LaneStep | undefined {
  const end = history.rows;
  let position = 0;
  return () => {
    if (position >= end) return undefined;
    const tokens = Math.min(maxRows, end - position);
    const step = { position, tokens, hidden: history.read(position, tokens) };
    position += tokens;
    return step;
  };
}

/** Why these hops cannot take the place of those lanes, if they cannot. */
export function replacementProblem(
  lanes: readonly HopLane[],
  hops: readonly TransportHop[],
  isOpening: boolean,
): string | undefined {
  const [head] = lanes;
  if (head === undefined || hops.length === 0) return 'a replacement needs hops on both sides';
  if (isOpening) return 'a replacement is under way already';
  if (head.history?.isComplete !== true) return 'the inputs of the first replaced hop were not kept';
  let next = head.hop.firstBlock;
  for (const { firstBlock, blockCount } of hops) {
    if (firstBlock !== next || blockCount < 1) return `block ${next} must be the next one`;
    next += blockCount;
  }
  const last = lanes.at(-1)?.hop ?? head.hop;
  const end = last.firstBlock + last.blockCount;
  return next === end ? undefined : `the hops end at block ${next} in place of ${end}`;
}
