import type { Chain } from '../model/chain.ts';

/** What the scheduler is given to dispatch on. */
export interface DispatchPlan {
  /** Grows with every plan; a running job keeps the epoch it started in. */
  readonly epoch: number;
  /** Chains that accept jobs, ascending by service time. */
  readonly chains: readonly Chain[];
  /**
   * Whole cache slots of each server (one slot: the cache of one session for one block). A server
   * that is absent has no limit beyond its chains' slots. Counts where cache is given by slots.
   */
  readonly serverSlots: ReadonlyMap<string, number>;
  /** Cache of each server beside its blocks, bytes >= 0. A server that is absent has no limit. Counts where cache is given by tokens. */
  readonly serverCacheBytes?: ReadonlyMap<string, number>;
  /** Jobs at once that each chain may start, in the order of `chains`; absent: as many as its cache holds. Counts where cache is given by tokens. */
  readonly jobLimits?: readonly number[];
}

/** A chain with what runs on it. A chain that the current plan no longer has is retired: rank -1. */
export interface ChainState {
  /** `hopsKey` of its hops. */
  readonly key: string;
  readonly chain: Chain;
  /** Position in the plan, fastest first. */
  readonly rank: number;
  /** Jobs on it. */
  readonly busy: number;
  /** Tokens that its jobs reserve at each hop; counted where cache is given by tokens. */
  readonly tokens: number;
}

/**
 * Which chain has room: the account of every server's cache, over all plans whose jobs still run. A job
 * takes its share at every hop of its chain together, or nothing.
 */
export interface CacheTable<State extends ChainState = ChainState> {
  readonly epoch: number;
  /** Chains that accept jobs, fastest first. */
  readonly chains: readonly State[];
  /** Tokens of the largest job that some chain could hold were it idle. */
  readonly largestJob: number;
  /** Every chain with running jobs or of the current plan. */
  all(): Iterable<State>;
  /**
   * Makes `plan` the one to dispatch on. Chains it keeps (same hops) keep their running jobs; chains
   * it lacks are retired and vanish with their last job.
   */
  adopt(plan: DispatchPlan): void;
  /** The fastest chain with room for a job of `tokens` tokens, or undefined. */
  fastestFree(tokens: number): State | undefined;
  /** How many of these jobs could start now, one after another, until the first that could not. */
  countStartable(tokensOfJobs: readonly number[]): number;
  /** A job starts on a chain that `fastestFree` named for it. */
  acquire(state: State, tokens: number): void;
  /** A job ends. */
  release(state: State, tokens: number): void;
  /**
   * Moves one job of `from` to `chain`, which need not be of the plan: the old hops are freed and the new
   * ones taken at once. Only the servers' cache limits it. Undefined, and nothing changed: a server lacks room.
   */
  move(from: State, chain: Chain, tokens: number): State | undefined;
  /** Blocks for which a server has cache for one more job of `tokens` tokens, at least 0. */
  freeBlocksAt(serverId: string, tokens: number): number;
  /** Whether no running job uses the server. */
  isServerIdle(serverId: string): boolean;
  /** A server tells how much of its cache is free, bytes. */
  reportFree(serverId: string, freeBytes: number): void;
  /** A server refused a job that had room by this account: nothing more fits there until it reports. */
  reportFull(serverId: string): void;
}
