import { type Chain, hopsKey } from '../model/chain.ts';
import { invariant } from '../shared/invariant.ts';
import type { CacheTable, ChainState, DispatchPlan } from './cache-table.ts';
import { MaxTree } from './max-tree.ts';

/** A chain of the table: the table alone changes it. */
export interface TokenChain extends ChainState {
  chain: Chain;
  rank: number;
  busy: number;
  tokens: number;
  /** Jobs at once that may start on it. */
  jobLimit: number;
  readonly servers: readonly TokenServer[];
  /** Blocks at each hop, in the order of `servers`. */
  readonly blocks: readonly number[];
}

interface TokenServer {
  readonly id: string;
  /** Tokens times blocks. */
  capacity: number;
  /** Reserved by running jobs, those of retired chains included. */
  used: number;
  /** Free by this account, but the server says it is not. */
  withheld: number;
  /** What the latest report missed; a single one may have crossed a release on its way. */
  missing: number;
  /** Chains of the current plan through it. */
  chains: TokenChain[];
}

/**
 * Which chain has room when a job reserves its own tokens at every hop. A server's cache is one account
 * that all chains through it share; a chain's slots do not count.
 *
 * The index holds, for each chain, an upper bound of the tokens that fit: starts leave it too high, and
 * the search that meets such a chain corrects it; whatever frees cache raises it at once. So a search is
 * O(log chains) and one correction for each start before it, a release O(chains through its servers).
 */
export class TokenTable implements CacheTable<TokenChain> {
  readonly #bytesPerToken: number;
  #ranked: TokenChain[] = [];
  readonly #byKey = new Map<string, TokenChain>();
  readonly #servers = new Map<string, TokenServer>();
  #bounds = new MaxTree(0);
  #epoch = 0;
  #largestJob = 0;

  /** @param cacheBytesPerToken cache of one token in one block, bytes > 0 */
  constructor(cacheBytesPerToken: number) {
    this.#bytesPerToken = cacheBytesPerToken;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get largestJob(): number {
    return this.#largestJob;
  }

  get chains(): readonly TokenChain[] {
    return this.#ranked;
  }

  all(): Iterable<TokenChain> {
    return this.#byKey.values();
  }

  /** O(chains + servers). */
  adopt(plan: DispatchPlan): void {
    invariant(plan.epoch >= this.#epoch, 'plan epochs never go back');
    this.#epoch = plan.epoch;
    for (const id of plan.serverCacheBytes?.keys() ?? []) this.#server(id);
    for (const server of this.#servers.values()) {
      server.capacity = this.#units(plan.serverCacheBytes?.get(server.id) ?? Number.POSITIVE_INFINITY);
      server.chains = [];
    }
    for (const state of this.#ranked) state.rank = -1;
    this.#ranked = plan.chains.map((chain, rank) => {
      const state = this.#stateOf(chain);
      invariant(state.rank === -1, 'a plan names a chain once');
      state.chain = chain;
      state.rank = rank;
      state.jobLimit = plan.jobLimits?.[rank] ?? Number.POSITIVE_INFINITY;
      for (const server of state.servers) server.chains.push(state);
      return state;
    });
    this.#bounds = new MaxTree(this.#ranked.length);
    for (const state of this.#ranked) this.#bounds.set(state.rank, freeTokens(state));
    this.#largestJob = this.#ranked.reduce((most, state) => Math.max(most, tokensWhenIdle(state)), 0);
    for (const state of this.#byKey.values()) this.#forgetIfGone(state);
    this.#forgetIdleServers(plan);
  }

  fastestFree(tokens: number): TokenChain | undefined {
    for (;;) {
      const rank = this.#bounds.firstAtLeast(tokens);
      if (rank < 0) return undefined;
      const state = this.#ranked[rank] as TokenChain;
      const free = freeTokens(state);
      if (free >= tokens) return state;
      this.#bounds.set(rank, free);
    }
  }

  /** Exact: it starts them, and ends them again. */
  countStartable(tokensOfJobs: readonly number[]): number {
    const started: { readonly state: TokenChain; readonly tokens: number }[] = [];
    for (const tokens of tokensOfJobs) {
      const state = this.fastestFree(tokens);
      if (state === undefined) break;
      this.acquire(state, tokens);
      started.push({ state, tokens });
    }
    for (const { state, tokens } of started) this.release(state, tokens);
    return started.length;
  }

  acquire(state: TokenChain, tokens: number): void {
    invariant(state.rank >= 0, 'a job starts on a chain of the current plan');
    invariant(freeTokens(state) >= tokens, 'no server promises cache that it does not have');
    this.#take(state, tokens);
  }

  release(state: TokenChain, tokens: number): void {
    invariant(state.busy > 0 && state.tokens >= tokens, 'tokens are released once for each time they were reserved');
    state.busy -= 1;
    state.tokens -= tokens;
    for (let i = 0; i < state.servers.length; i += 1) {
      const server = state.servers[i] as TokenServer;
      server.used -= tokens * (state.blocks[i] as number);
      invariant(server.used >= 0, 'a server gets back no more cache than it gave');
    }
    for (const server of state.servers) this.#raiseBounds(server);
    this.#forgetIfGone(state);
  }

  move(from: TokenChain, chain: Chain, tokens: number): TokenChain | undefined {
    const state = this.#stateOf(chain);
    this.#give(from, tokens);
    const hasRoom = roomTokens(state) >= tokens;
    this.#take(from, tokens);
    if (!hasRoom) {
      this.#forgetIfGone(state);
      return undefined;
    }
    this.#take(state, tokens);
    this.release(from, tokens);
    return state;
  }

  freeBlocksAt(serverId: string, tokens: number): number {
    const server = this.#servers.get(serverId);
    return server === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor(roomOf(server) / tokens));
  }

  isServerIdle(serverId: string): boolean {
    return (this.#servers.get(serverId)?.used ?? 0) === 0;
  }

  /** What lacks against this account is withheld when two reports in turn lack it: one alone may have crossed a release. */
  reportFree(serverId: string, freeBytes: number): void {
    const server = this.#servers.get(serverId);
    if (server === undefined || server.capacity === Number.POSITIVE_INFINITY) return;
    const missing = Math.max(0, server.capacity - server.used - this.#units(freeBytes));
    server.withheld = Math.min(server.missing, missing);
    server.missing = missing;
    this.#raiseBounds(server);
  }

  reportFull(serverId: string): void {
    const server = this.#servers.get(serverId);
    if (server === undefined || server.capacity === Number.POSITIVE_INFINITY) return;
    server.withheld = Math.max(server.withheld, server.capacity - server.used);
    server.missing = server.withheld;
  }

  /** Tokens times blocks that fit. */
  #units(bytes: number): number {
    return Math.floor(bytes / this.#bytesPerToken);
  }

  #take(state: TokenChain, tokens: number): void {
    state.busy += 1;
    state.tokens += tokens;
    for (let i = 0; i < state.servers.length; i += 1)
      (state.servers[i] as TokenServer).used += tokens * (state.blocks[i] as number);
  }

  /** The opposite of `#take`, for looking only: bounds stay as they are. */
  #give(state: TokenChain, tokens: number): void {
    state.busy -= 1;
    state.tokens -= tokens;
    for (let i = 0; i < state.servers.length; i += 1)
      (state.servers[i] as TokenServer).used -= tokens * (state.blocks[i] as number);
  }

  #raiseBounds(server: TokenServer): void {
    for (const state of server.chains) {
      const free = freeTokens(state);
      if (free > this.#bounds.get(state.rank)) this.#bounds.set(state.rank, free);
    }
  }

  /** The chain of these hops, or a new one outside the plan. */
  #stateOf(chain: Chain): TokenChain {
    const key = hopsKey(chain.hops);
    let state = this.#byKey.get(key);
    if (state === undefined) {
      const blocks = new Map<string, number>();
      for (const { serverId, blockCount } of chain.hops) blocks.set(serverId, (blocks.get(serverId) ?? 0) + blockCount);
      const servers = [...blocks.keys()].map((id) => this.#server(id));
      state = {
        key,
        chain,
        rank: -1,
        busy: 0,
        tokens: 0,
        jobLimit: Number.POSITIVE_INFINITY,
        servers,
        blocks: [...blocks.values()],
      };
      this.#byKey.set(key, state);
    }
    return state;
  }

  #server(id: string): TokenServer {
    let server = this.#servers.get(id);
    if (server === undefined) {
      server = { id, capacity: Number.POSITIVE_INFINITY, used: 0, withheld: 0, missing: 0, chains: [] };
      this.#servers.set(id, server);
    }
    return server;
  }

  #forgetIfGone(state: TokenChain): void {
    if (state.rank < 0 && state.busy === 0) this.#byKey.delete(state.key);
  }

  /** Drops the records of servers that neither the plan nor a running job refers to. */
  #forgetIdleServers(plan: DispatchPlan): void {
    const referred = new Set<string>();
    for (const state of this.#byKey.values()) for (const server of state.servers) referred.add(server.id);
    for (const id of this.#servers.keys())
      if (!referred.has(id) && plan.serverCacheBytes?.has(id) !== true) this.#servers.delete(id);
  }
}

/** Tokens times blocks that a server can still promise; negative while jobs of an older plan hold more than it has. */
function roomOf(server: TokenServer): number {
  return server.capacity - server.used - server.withheld;
}

/** Tokens of the largest job that the chain could hold. */
function tokensWhenIdle({ servers, blocks }: TokenChain): number {
  return servers.reduce(
    (least, { capacity }, i) => Math.min(least, Math.floor(capacity / (blocks[i] as number))),
    Number.POSITIVE_INFINITY,
  );
}

/** Tokens that a new job on the chain could reserve; negative: none may start. */
function freeTokens(state: TokenChain): number {
  return state.busy < state.jobLimit ? roomTokens(state) : Number.NEGATIVE_INFINITY;
}

/** Tokens for which all servers of the chain have room. */
function roomTokens(state: TokenChain): number {
  const { servers, blocks } = state;
  let free = Number.POSITIVE_INFINITY;
  for (let i = 0; i < servers.length; i += 1) {
    const tokens = Math.floor(roomOf(servers[i] as TokenServer) / (blocks[i] as number));
    if (tokens < free) free = tokens;
  }
  return free;
}
