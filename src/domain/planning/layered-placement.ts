import type { FastestChain } from './fastest-chain.ts';
import { fastestChain } from './fastest-chain.ts';
import { placeGreedily, reservedBlockCounts, stopAfterChains } from './gbp-cr.ts';
import type { IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';

/** Sessions that the first, the second and all further disjoint chains have room for. */
export interface LayerReservations {
  readonly first: number;
  readonly second: number;
  readonly others: number;
}

/**
 * Chain by chain, each with a reservation of its own: the first two are the fastest that the servers left
 * can form with room for so many sessions, the others are laid by GBP-CR. One reservation for all chains
 * has to compromise: the fastest chain, which most jobs take, wants few sessions and long spans, and those
 * behind it, which only catch what it cannot hold, may be slow and roomy.
 *
 * Pinned servers stay where they are and take no part.
 */
export class LayeredPlacements {
  readonly #swarm: IndexedSwarm;
  readonly #firsts = new Map<number, FastestChain | undefined>();
  readonly #seconds = new Map<string, FastestChain | undefined>();

  constructor(swarm: IndexedSwarm) {
    this.#swarm = swarm;
  }

  /**
   * @param isWide servers of the fast chains hold all the blocks that fit, not only those that the chain needs
   * @returns undefined where the servers cannot form the first chain   O(J L m) once per reservation
   */
  place({ first, second, others }: LayerReservations, isWide: boolean): IndexedPlacement | undefined {
    const swarm = this.#swarm;
    const servers = swarm.serverIds.map((_, j) => j).filter((j) => !swarm.pinned.has(j));
    const fastest = remembered(this.#firsts, first, () => fastestChain(swarm, servers, first));
    if (fastest === undefined) return undefined;
    const left = servers.filter((j) => !fastest.servers.includes(j));
    const next = remembered(this.#seconds, `${first} ${second}`, () => fastestChain(swarm, left, second));
    const layers = next === undefined ? [fastest] : [fastest, next];
    const taken = new Set(layers.flatMap((layer) => layer.servers));
    const placement = placeRest(swarm, taken, others);
    layers.forEach((layer, at) => {
      put(swarm, placement, layer, isWide ? (at === 0 ? first : second) : undefined);
    });
    return placement;
  }
}

/** GBP-CR without its stop over the servers that are not taken; those hold nothing. */
export function placeRest(swarm: IndexedSwarm, taken: ReadonlySet<number>, reservedSlots: number): IndexedPlacement {
  const counts = reservedBlockCounts(swarm, reservedSlots).map((count, j) => (taken.has(j) ? 0 : count));
  return stopAfterChains(placeGreedily(swarm, counts), swarm);
}

/** @param reservedSlots lengthens spans to what fits beside so many sessions; undefined leaves them */
function put(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  { servers, blockCounts }: FastestChain,
  reservedSlots: number | undefined,
): void {
  const fitting = reservedSlots === undefined ? undefined : reservedBlockCounts(swarm, reservedSlots);
  let end = 0;
  servers.forEach((j, h) => {
    end += blockCounts[h] ?? 0;
    const count = Math.max(blockCounts[h] ?? 0, fitting?.[j] ?? 0);
    // As in GBP-CR a longer span starts earlier, over the blocks of the server before.
    placement.firstBlock[j] = Math.max(0, end - count);
    placement.blockCount[j] = count;
  });
}

function remembered<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as V;
}
