import type { BaselinePlacement } from '../../model/plan.ts';
import type { IndexedPlacement, IndexedSwarm } from '../indexed-swarm.ts';
import { cgBpReservation, placeCgBp } from './cg-bp.ts';
import { placeWholeModels } from './jffc-only.ts';
import { placePetals } from './petals-placement.ts';

/** Sessions that a PETALS server sets cache aside for on each of its blocks. */
const PETALS_SESSIONS = 2;

export interface BaselineResult {
  readonly placement: IndexedPlacement;
  /** Sessions per block that it left room for. */
  readonly reservedSlots: number;
}

/**
 * A baseline's placement from what the planner knows of a swarm. Where a baseline distinguishes round
 * trips of tokens, the whole communication of a job stands in for them (one token); where it knows two
 * kinds of servers, the faster kind is the one nearer to the fastest server than to the slowest.
 * @param reservedSlots given instead of the baseline's own choice
 */
export function placeBaseline(
  policy: BaselinePlacement,
  swarm: IndexedSwarm,
  arrivalRatePerSecond: number,
  reservedSlots: number | undefined,
): BaselineResult {
  switch (policy) {
    case 'cg-bp': {
      const input = {
        swarm,
        arrivalRatePerSecond,
        rttSeconds: swarm.communicationSeconds,
        outputTokens: 1,
        isHighPerformance: fasterKind(swarm),
      };
      const reserved = reservedSlots ?? cgBpReservation(input);
      return { placement: placeCgBp(input, reserved), reservedSlots: reserved };
    }
    case 'petals': {
      const reserved = reservedSlots ?? PETALS_SESSIONS;
      return { placement: placeAsPetals(swarm, reserved), reservedSlots: reserved };
    }
    case 'jffc-only': {
      const reserved = reservedSlots ?? 1;
      return { placement: placeWholeModels(swarm, reserved), reservedSlots: reserved };
    }
  }
}

/** Servers join in the order of the input and announce what their blocks and their link allow per second. */
function placeAsPetals(swarm: IndexedSwarm, sessions: number): IndexedPlacement {
  const servers = swarm.serverIds.map((_, j) => {
    const pinned = swarm.pinned.get(j);
    const fitting = Math.floor((swarm.memoryBytes[j] ?? 0) / (swarm.blockBytes + sessions * swarm.cacheBytesPerBlock));
    const blockCount = pinned?.blockCount ?? Math.min(fitting, swarm.blockCount);
    // A chain crosses half of a server's blocks on average.
    const compute = 1 / ((swarm.computationSeconds[j] ?? 1) * ((1 + blockCount) / 2));
    const network = 1 / (swarm.communicationSeconds[j] ?? 0);
    return { blockCount, throughput: Math.min(compute, network), pinnedFirstBlock: pinned?.firstBlock };
  });
  const order = [...servers.keys()].sort((a, b) => Number(swarm.pinned.has(b)) - Number(swarm.pinned.has(a)));
  return placePetals(swarm.blockCount, servers, order);
}

function fasterKind(swarm: IndexedSwarm): boolean[] {
  const fastest = swarm.computationSeconds.reduce(
    (least, seconds) => Math.min(least, seconds),
    Number.POSITIVE_INFINITY,
  );
  const slowest = swarm.computationSeconds.reduce((most, seconds) => Math.max(most, seconds), 0);
  return Array.from(swarm.computationSeconds, (seconds) => seconds < (fastest + slowest) / 2);
}
