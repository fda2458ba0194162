import { type Chain, type Hop, hopsKey } from '../model/chain.ts';
import { invariant } from '../shared/invariant.ts';
import type { CacheTable, ChainState, DispatchPlan } from './cache-table.ts';
import { RankSet } from './rank-set.ts';

/** A chain of the table: the table alone changes it. */
export interface SlotChain extends ChainState {
  chain: Chain;
  rank: number;
  busy: number;
  readonly servers: readonly ServerState[];
  /** Blocks at each hop, in the order of `servers`. */
  readonly blocks: readonly number[];
}

interface ServerState {
  readonly id: string;
  slots: number;
  /** Slots held by running jobs, those of retired chains included. */
  used: number;
}

/**
 * Which chain has room when every job takes one slot of the largest session, whatever its tokens: the
 * paper's account. Two limits hold at once: a chain's own slots, and each server's cache slots
 * summed over all chains through it. Within one plan the first implies the second (GCA allots no more
 * than a server has); after a change of plan the jobs that still run on retired chains keep their
 * cache, and the second limit is what keeps the new chains from promising it again.
 */
export class SlotTable implements CacheTable<SlotChain> {
  #ranked: SlotChain[] = [];
  #byKey = new Map<string, SlotChain>();
  #servers = new Map<string, ServerState>();
  /** Ranks of chains with a slot of their own free. */
  #open = new RankSet(0);
  /** Running jobs that the current plan did not reckon with: on retired chains, or beyond a kept chain's slots. */
  #excess = 0;
  #epoch = 0;

  get epoch(): number {
    return this.#epoch;
  }

  /** A slot has room for the longest session there is. */
  readonly largestJob = Number.POSITIVE_INFINITY;

  /** Chains that accept jobs, fastest first. */
  get chains(): readonly SlotChain[] {
    return this.#ranked;
  }

  /** Every chain with running jobs or of the current plan. */
  all(): Iterable<SlotChain> {
    return this.#byKey.values();
  }

  /** O(chains + servers). */
  adopt(plan: DispatchPlan): void {
    invariant(plan.epoch >= this.#epoch, 'plan epochs never go back');
    this.#epoch = plan.epoch;
    for (const [id, slots] of plan.serverSlots) this.#server(id).slots = slots;
    for (const server of this.#servers.values()) {
      if (!plan.serverSlots.has(server.id)) server.slots = Number.POSITIVE_INFINITY;
    }
    for (const state of this.#ranked) state.rank = -1;
    this.#ranked = plan.chains.map((chain, rank) => {
      const state = this.#stateOf(chain);
      invariant(state.rank === -1, 'a plan names a chain once');
      state.chain = chain;
      state.rank = rank;
      return state;
    });
    this.#open = new RankSet(this.#ranked.length);
    this.#excess = 0;
    for (const state of this.#byKey.values()) {
      if (state.rank >= 0 && state.busy < state.chain.slots) this.#open.add(state.rank);
      if (state.rank < 0 && state.busy === 0) this.#byKey.delete(state.key);
      this.#excess += excessOf(state);
    }
    this.#forgetIdleServers(plan);
  }

  /** The fastest chain with room for one more job, or undefined. O(log chains) while no job of an older plan is in the way. */
  fastestFree(): SlotChain | undefined {
    let rank = this.#open.firstFrom(0);
    while (rank >= 0) {
      const state = this.#ranked[rank] as SlotChain;
      if (this.#excess === 0 || this.#hasServerRoom(state)) return state;
      rank = this.#open.firstFrom(rank + 1);
    }
    return undefined;
  }

  /**
   * Exact within one plan; while jobs of an older plan are in the way it counts none, since how many fit
   * then depends on the order. O(chains).
   */
  countStartable(tokensOfJobs: readonly number[]): number {
    if (this.#excess > 0) return 0;
    let free = 0;
    for (const state of this.#ranked) free += Math.max(0, state.chain.slots - state.busy);
    return Math.min(free, tokensOfJobs.length);
  }

  isServerIdle(serverId: string): boolean {
    return (this.#servers.get(serverId)?.used ?? 0) === 0;
  }

  /** Slots are whole sessions by the plan's reckoning: what servers report does not change them. */
  reportFree(): void {}

  reportFull(): void {}

  acquire(state: SlotChain): void {
    invariant(state.rank >= 0, 'a job starts on a chain of the current plan');
    invariant(state.busy < state.chain.slots, 'a chain never runs more jobs than it has slots');
    state.busy += 1;
    if (state.busy >= state.chain.slots) this.#open.delete(state.rank);
    for (let i = 0; i < state.servers.length; i += 1) {
      (state.servers[i] as ServerState).used += state.blocks[i] as number;
    }
  }

  move(from: SlotChain, chain: Chain): SlotChain | undefined {
    const wanted = blocksByServer(chain.hops);
    const held = blocksByServer(from.chain.hops);
    for (const [id, blocks] of wanted) {
      const server = this.#servers.get(id);
      if (server !== undefined && server.used - (held.get(id) ?? 0) + blocks > server.slots) return undefined;
    }
    this.release(from);
    const state = this.#stateOf(chain);
    const excess = excessOf(state);
    state.busy += 1;
    this.#excess += excessOf(state) - excess;
    if (state.rank >= 0 && state.busy >= state.chain.slots) this.#open.delete(state.rank);
    for (let i = 0; i < state.servers.length; i += 1) {
      (state.servers[i] as ServerState).used += state.blocks[i] as number;
    }
    return state;
  }

  /** Cache slots that no running job holds: of one block each. */
  freeBlocksAt(serverId: string): number {
    const server = this.#servers.get(serverId);
    return server === undefined ? Number.POSITIVE_INFINITY : Math.max(0, server.slots - server.used);
  }

  release(state: SlotChain): void {
    invariant(state.busy > 0, 'a slot is released once for each time it was acquired');
    const excess = excessOf(state);
    state.busy -= 1;
    this.#excess += excessOf(state) - excess;
    for (let i = 0; i < state.servers.length; i += 1) {
      const server = state.servers[i] as ServerState;
      server.used -= state.blocks[i] as number;
      invariant(server.used >= 0, 'a server gets back no more slots than it gave');
    }
    if (state.rank >= 0) {
      if (state.busy < state.chain.slots) this.#open.add(state.rank);
      return;
    }
    if (state.busy === 0) this.#byKey.delete(state.key);
  }

  #hasServerRoom(state: SlotChain): boolean {
    return state.servers.every((server, i) => server.used + (state.blocks[i] as number) <= server.slots);
  }

  /** The chain of these hops, or a new one outside the plan. */
  #stateOf(chain: Chain): SlotChain {
    const key = hopsKey(chain.hops);
    let state = this.#byKey.get(key);
    if (state === undefined) {
      state = {
        key,
        chain,
        rank: -1,
        busy: 0,
        tokens: 0,
        servers: chain.hops.map((hop) => this.#server(hop.serverId)),
        blocks: chain.hops.map((hop) => hop.blockCount),
      };
      this.#byKey.set(key, state);
    }
    return state;
  }

  #server(id: string): ServerState {
    let server = this.#servers.get(id);
    if (server === undefined) {
      server = { id, slots: Number.POSITIVE_INFINITY, used: 0 };
      this.#servers.set(id, server);
    }
    return server;
  }

  /** Drops the records of servers that neither the plan nor a running job refers to. */
  #forgetIdleServers(plan: DispatchPlan): void {
    const referred = new Set<string>();
    for (const state of this.#byKey.values()) for (const server of state.servers) referred.add(server.id);
    for (const id of this.#servers.keys()) if (!referred.has(id) && !plan.serverSlots.has(id)) this.#servers.delete(id);
  }
}

function blocksByServer(hops: readonly Hop[]): Map<string, number> {
  const blocks = new Map<string, number>();
  for (const { serverId, blockCount } of hops) blocks.set(serverId, (blocks.get(serverId) ?? 0) + blockCount);
  return blocks;
}

/** Jobs of a chain beyond what the current plan gives it. */
function excessOf(state: SlotChain): number {
  return Math.max(0, state.busy - (state.rank < 0 ? 0 : state.chain.slots));
}
