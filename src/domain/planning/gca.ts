import type { IndexedChain, IndexedPlacement, IndexedSwarm } from './indexed-swarm.ts';
import { MAX_JOBS_PER_SERVER } from './indexed-swarm.ts';

/**
 * GCA, greedy cache allocation: Algorithm 2 of Sun, He, Hou, arXiv 2604.14993. Takes the shortest
 * path through the placed servers as the next chain, gives it as many slots as its tightest server
 * has room for, and repeats until no path is left. Chains come out fastest first.
 *
 * A hand-over i -> j depends on i only through the block at which i ends, so paths run over block
 * positions 0..L instead of over pairs of servers: from position p each server that holds block p
 * leads to the end of its span. Removing capacity only lengthens paths. Two things follow that make
 * a round cheap: the cheapest server remembered for a (position, end) pair is a lower bound for as
 * long as it was not looked at again, and only positions whose own shortest path used a spent
 * server need another look.
 *
 * Ties: the first server in the caller's order, then the smallest position.
 */
export interface CompositionOptions {
  /**
   * Give up when the fastest chain takes at least so many seconds: no plan with these chains can then
   * have a smaller mean response time than that.
   */
  readonly giveUpAtSeconds?: number;
}

/** Servers that end at one block, with the cheapest of them for each position before it. */
interface EndGroup {
  /** One past the last block of every server of the group. */
  readonly end: number;
  /** Longest span of the group: positions [end - width, end) lead here. */
  readonly width: number;
  /** Positions of the servers, ascending; the first `alive` ones still have cache. */
  readonly servers: Int32Array;
  alive: number;
  /** Cheapest server for position end - width + i when last looked at, -1 when there is none any more. */
  readonly cheapest: Int32Array;
  /** Its cost in seconds: a lower bound, since servers only drop out. */
  readonly cost: Float64Array;
}

/**
 * Mt_j = floor((M_j - s_m m_j) / s_c): block-caches that fit beside a server's blocks, never negative,
 * and never more than `MAX_JOBS_PER_SERVER` jobs need.   O(J)
 */
export function cacheSlots(swarm: IndexedSwarm, placement: IndexedPlacement): Float64Array {
  const slots = new Float64Array(placement.blockCount.length);
  for (let j = 0; j < slots.length; j += 1) {
    const count = placement.blockCount[j] ?? 0;
    const left = (swarm.memoryBytes[j] ?? 0) - swarm.blockBytes * count;
    const fitting = Math.max(0, Math.floor(left / swarm.cacheBytesPerBlock));
    slots[j] = Math.min(fitting, MAX_JOBS_PER_SERVER * count);
  }
  return slots;
}

/**
 * @returns chains ascending by service time, empty when no path has room for one job; undefined when it gave up
 * O(sum of m_j) to start, then per chain about the number of positions that changed; at most sum of m_j chains
 */
export function composeChains(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  options: CompositionOptions = {},
): IndexedChain[] | undefined {
  const slots = cacheSlots(swarm, placement);
  const groups = groupByEnd(swarm, placement, slots);
  const paths = new ShortestPaths(swarm, placement, groups, slots);
  const chains: IndexedChain[] = [];
  while (paths.lengthSeconds() < Number.POSITIVE_INFINITY) {
    if (chains.length === 0 && paths.lengthSeconds() >= (options.giveUpAtSeconds ?? Number.POSITIVE_INFINITY)) {
      return undefined;
    }
    chains.push(paths.takeShortest());
  }
  return chains;
}

function groupByEnd(swarm: IndexedSwarm, placement: IndexedPlacement, slots: Float64Array): EndGroup[] {
  const members: number[][] = Array.from({ length: swarm.blockCount + 1 }, () => []);
  placement.blockCount.forEach((count, j) => {
    if (count > 0) members[(placement.firstBlock[j] ?? 0) + count]?.push(j);
  });
  const groups: EndGroup[] = [];
  members.forEach((servers, end) => {
    if (servers.length === 0) return;
    const width = servers.reduce((widest, j) => Math.max(widest, placement.blockCount[j] ?? 0), 0);
    const cheapest = new Int32Array(width).fill(-1);
    const cost = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
    for (const j of servers) {
      const communication = swarm.communicationSeconds[j] ?? 0;
      const computation = swarm.computationSeconds[j] ?? 0;
      const reach = Math.min(placement.blockCount[j] ?? 0, slots[j] ?? 0);
      for (let blocks = 1; blocks <= reach; blocks += 1) {
        const seconds = communication + computation * blocks;
        const i = width - blocks;
        if (seconds < (cost[i] ?? 0)) {
          cost[i] = seconds;
          cheapest[i] = j;
        }
      }
    }
    groups.push({ end, width, servers: Int32Array.from(servers), alive: servers.length, cheapest, cost });
  });
  return groups;
}

/** The tree of shortest paths from position 0, kept up to date while servers run out of cache. */
class ShortestPaths {
  readonly #swarm: IndexedSwarm;
  readonly #placement: IndexedPlacement;
  readonly #groups: readonly EndGroup[];
  readonly #groupAt: readonly (EndGroup | undefined)[];
  readonly #slots: Float64Array;
  /** Seconds from position 0, by position. */
  readonly #distance: Float64Array;
  /** Position before on the shortest path, by position. */
  readonly #previous: Int32Array;
  readonly #isStale: Uint8Array;

  constructor(swarm: IndexedSwarm, placement: IndexedPlacement, groups: readonly EndGroup[], slots: Float64Array) {
    this.#swarm = swarm;
    this.#placement = placement;
    this.#groups = groups;
    this.#slots = slots;
    const groupAt: (EndGroup | undefined)[] = new Array(swarm.blockCount + 1).fill(undefined);
    for (const group of groups) groupAt[group.end] = group;
    this.#groupAt = groupAt;
    this.#distance = new Float64Array(swarm.blockCount + 1).fill(Number.POSITIVE_INFINITY);
    this.#distance[0] = 0;
    this.#previous = new Int32Array(swarm.blockCount + 1).fill(-1);
    this.#isStale = new Uint8Array(swarm.blockCount + 1);
    for (const group of groups) this.#relax(group);
  }

  /** Length of the shortest path over all blocks, seconds; infinite when there is none. */
  lengthSeconds(): number {
    return this.#distance[this.#swarm.blockCount] ?? Number.POSITIVE_INFINITY;
  }

  /** Turns the shortest path into a chain with all the slots that fit. */
  takeShortest(): IndexedChain {
    const servers: number[] = [];
    const blockCounts: number[] = [];
    let chainSlots = Number.POSITIVE_INFINITY;
    for (let end = this.#swarm.blockCount; end > 0; ) {
      const start = this.#previous[end] ?? -1;
      const group = this.#groupAt[end];
      const server = group?.cheapest[start - end + group.width] ?? -1;
      servers.push(server);
      blockCounts.push(end - start);
      chainSlots = Math.min(chainSlots, Math.floor((this.#slots[server] ?? 0) / (end - start)));
      end = start;
    }
    const chain = {
      servers: servers.reverse(),
      blockCounts: blockCounts.reverse(),
      slots: chainSlots,
      serviceSeconds: this.lengthSeconds(),
    };
    this.#spend(chain);
    return chain;
  }

  #spend(chain: IndexedChain): void {
    let end = 0;
    chain.servers.forEach((server, h) => {
      const blocks = chain.blockCounts[h] ?? 0;
      end += blocks;
      const left = (this.#slots[server] ?? 0) - blocks * chain.slots;
      this.#slots[server] = left;
      if (left < blocks) this.#isStale[end] = 1;
    });
    for (const group of this.#groups) {
      // A path only grows: it changes where its last server is spent, or where the path before it changed.
      if (this.#isStale[group.end] || this.#isStale[this.#previous[group.end] ?? -1]) this.#refresh(group);
    }
    this.#isStale.fill(0);
  }

  #refresh(group: EndGroup): void {
    const before = this.#distance[group.end] ?? Number.POSITIVE_INFINITY;
    if (before === Number.POSITIVE_INFINITY) return;
    this.#relax(group);
    this.#isStale[group.end] = this.#distance[group.end] === before ? 0 : 1;
  }

  #relax(group: EndGroup): void {
    const { end, width, cost } = group;
    const start = end - width;
    let best = Number.POSITIVE_INFINITY;
    let bestStart = -1;
    for (let i = 0; i < width; i += 1) {
      const distance = this.#distance[start + i] ?? Number.POSITIVE_INFINITY;
      if (distance + (cost[i] ?? 0) >= best) continue;
      this.#lookAgain(group, i);
      const length = distance + (cost[i] ?? 0);
      if (length < best) {
        best = length;
        bestStart = start + i;
      }
    }
    this.#distance[end] = best;
    this.#previous[end] = bestStart;
  }

  /** Makes the remembered cheapest server of a position true again, where it has too little cache by now. */
  #lookAgain(group: EndGroup, i: number): void {
    const blocks = group.width - i;
    const known = group.cheapest[i] ?? -1;
    if (known < 0 || (this.#slots[known] ?? 0) >= blocks) return;
    let best = Number.POSITIVE_INFINITY;
    let cheapest = -1;
    let alive = 0;
    for (let k = 0; k < group.alive; k += 1) {
      const j = group.servers[k] ?? 0;
      const slots = this.#slots[j] ?? 0;
      if (slots < 1) continue;
      group.servers[alive] = j;
      alive += 1;
      if ((this.#placement.blockCount[j] ?? 0) < blocks || slots < blocks) continue;
      const seconds = (this.#swarm.communicationSeconds[j] ?? 0) + (this.#swarm.computationSeconds[j] ?? 0) * blocks;
      if (seconds < best) {
        best = seconds;
        cheapest = j;
      }
    }
    group.alive = alive;
    group.cost[i] = best;
    group.cheapest[i] = cheapest;
  }
}
