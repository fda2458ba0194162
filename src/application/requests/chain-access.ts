import type { Chain, Hop } from '../../domain/model/chain.ts';
import type { Span } from '../../domain/model/span.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';

/** A request that ended by itself, and what its generated tokens took at each hop. */
export interface ServedRequest {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly hops: readonly ServedHop[];
}

/** What one server did for the tokens that a request generated after the first: one step a token. */
export interface ServedHop {
  readonly serverId: string;
  readonly blockCount: number;
  readonly steps: number;
  /** Round trips of those steps together. */
  readonly roundTripSeconds: number;
  /** What those steps would have waited for others' together, were they worked on one after another. */
  readonly aheadSeconds: number;
}

/** What running a request needs to know of the swarm. */
export interface ChainAccess {
  /** Chains that accept requests now, fastest first. */
  readonly chains: readonly Chain[];
  /**
   * Where the chain's servers are reached now.
   * @throws DispatcherError DSP_SERVER_LOST when one of them has left meanwhile
   */
  resolveHops(chain: Chain): readonly TransportHop[];
  /**
   * The fastest servers that serve the blocks now and have cache for a running job, in or out of the plan.
   * @param freeBlocksAt blocks for which a server has cache for the job   @returns undefined when there are none
   */
  findHops(blocks: Span, freeBlocksAt: (serverId: string) => number): readonly Hop[] | undefined;
  /** A server of a chain failed a request: what that means for its membership is decided there. */
  reportFailure(error: DispatcherError): void;
  /** A chain served a whole request in so many seconds. */
  reportService(chainId: string, seconds: number): void;
  /** What a request asked for, and how fast its servers were. */
  reportRequest(served: ServedRequest): void;
  /** The reasons why no plan serves, empty when one does. */
  unreadyReasons(): readonly string[];
  /** What is wrong with a plan that serves all the same. */
  warnings(): readonly string[];
}
