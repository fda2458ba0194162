import type { Chain } from '../model/chain.ts';
import type { ModelShape } from '../model/model.ts';
import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { composeLiveChains } from './live-chains.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { computeResponseBounds, serviceRate } from './response-time-bounds.ts';

/** The servers, what they shall serve, and how much of it arrives. */
export interface SwarmDemand {
  readonly model: ModelShape;
  /** Sorted by id. */
  readonly servers: readonly Server[];
  /** lambda, jobs per second > 0. */
  readonly arrivalRatePerSecond: number;
  /** Servers whose span may not change. */
  readonly pinned: ReadonlySet<string>;
  /** Estimates response times instead of the lower bound. Each outlook then costs an estimate. */
  readonly predictor?: ResponsePredictor | undefined;
}

/** What a placement promises. */
export interface PlacementOutlook {
  readonly chains: readonly Chain[];
  /** Blocks that no server can run for even one job; 0 exactly when there is a chain. */
  readonly uncoveredBlocks: number;
  /** Blocks that one server alone can run: its loss would stop everything. */
  readonly thinBlocks: number;
  /**
   * Lower bound of the mean response time, seconds, or the predictor's estimate; infinite when the arrivals
   * exceed what the chains serve, or when there is no chain. The lower bound, since a further slow chain
   * never makes it worse: requests take it only when the faster ones are full.
   */
  readonly responseSeconds: number;
  readonly serviceRatePerSecond: number;
}

/** Chains of a placement as it is, and what they promise. O(one run of GCA, and an estimate where there is a predictor). */
export function placementOutlook(demand: SwarmDemand, placement: Placement): PlacementOutlook {
  const hosting = new Set(placement.map((span) => span.serverId));
  const { chains } = composeLiveChains(
    demand.model,
    demand.servers.filter((server) => hosting.has(server.id)),
    placement,
  );
  const seconds = chains.length === 0 ? undefined : responseOf(demand, chains);
  const coverage = blockCoverage(demand.model.blockCount, usableSpans(demand, placement));
  return {
    chains,
    uncoveredBlocks: countBlocksOn(coverage, 0),
    thinBlocks: countBlocksOn(coverage, 1),
    responseSeconds: seconds ?? Number.POSITIVE_INFINITY,
    serviceRatePerSecond: serviceRate(chains),
  };
}

function responseOf({ predictor, arrivalRatePerSecond }: SwarmDemand, chains: readonly Chain[]): number | undefined {
  if (predictor !== undefined) return predictor.estimate(chains);
  return computeResponseBounds(chains, arrivalRatePerSecond)?.lower;
}

/**
 * The part of a span through which a chain can lead: a chain enters a server at some block and leaves
 * it at the end of its span, so the last blocks count, as many as there is cache for beside all of them.
 */
export function usableSpan(demand: Pick<SwarmDemand, 'model'>, server: Server, span: Span): Span {
  const { blockBytes, cacheBytesPerBlock } = demand.model;
  const slots = Math.floor((server.memoryBytes - span.blockCount * blockBytes) / cacheBytesPerBlock);
  const blockCount = Math.min(span.blockCount, Math.max(0, slots));
  return { firstBlock: span.firstBlock + span.blockCount - blockCount, blockCount };
}

function usableSpans(demand: SwarmDemand, placement: Placement): PlacedSpan[] {
  const servers = new Map(demand.servers.map((server) => [server.id, server]));
  return placement.flatMap((span) => {
    const server = servers.get(span.serverId);
    return server === undefined ? [] : [{ ...span, ...usableSpan(demand, server, span) }];
  });
}

/** How many servers host each block. */
export function blockCoverage(blockCount: number, placement: readonly PlacedSpan[]): Int32Array {
  const coverage = new Int32Array(blockCount);
  for (const span of placement) {
    const end = Math.min(blockCount, span.firstBlock + span.blockCount);
    for (let block = Math.max(0, span.firstBlock); block < end; block += 1)
      coverage[block] = (coverage[block] ?? 0) + 1;
  }
  return coverage;
}

export function countUncovered(blockCount: number, placement: readonly PlacedSpan[]): number {
  return countBlocksOn(blockCoverage(blockCount, placement), 0);
}

function countBlocksOn(coverage: Int32Array, servers: number): number {
  return coverage.reduce((sum, hosting) => sum + (hosting === servers ? 1 : 0), 0);
}

/** Whether `a` is the better one: more blocks covered, then a smaller response time, then more capacity. */
export function isBetterOutlook(a: PlacementOutlook, b: PlacementOutlook): boolean {
  if (a.uncoveredBlocks !== b.uncoveredBlocks) return a.uncoveredBlocks < b.uncoveredBlocks;
  if (a.chains.length === 0 || b.chains.length === 0) return a.chains.length > b.chains.length;
  if (a.responseSeconds !== b.responseSeconds) return a.responseSeconds < b.responseSeconds;
  return a.serviceRatePerSecond > b.serviceRatePerSecond;
}
