import type {
  ChainView,
  PlacedSpanView,
  PlanView,
  QueueView,
  ServerView,
  SpanView,
} from '../../../application/ports/swarm-view.ts';
import type { ChainsDocument, PlanDocument, QueueDocument, ServersDocument } from './schemas.ts';

export function toServersDocument(servers: readonly ServerView[]): ServersDocument {
  return {
    servers: servers.map((server) => ({
      server_id: server.serverId,
      state: server.state,
      reason: server.reason ?? null,
      address: server.address,
      protocol: server.protocol,
      memory_bytes: server.memoryBytes,
      hosted: toSpan(server.hosted),
      planned: toSpan(server.planned),
      is_pinned: server.isPinned,
      cache_bytes_free: server.cacheBytesFree ?? null,
      sessions: server.sessions,
      rtt_seconds: server.rttSeconds ?? null,
      overhead_seconds_per_block: server.overheadSecondsPerBlock,
      prefill_seconds_per_token_per_block: server.prefillSecondsPerTokenPerBlock,
      decode_seconds_per_token_per_block: server.decodeSecondsPerTokenPerBlock,
      heartbeat_age_seconds: server.heartbeatAgeSeconds,
      dtype: server.dtype,
      labels: { ...server.labels },
    })),
  };
}

export function toChainsDocument(chains: readonly ChainView[]): ChainsDocument {
  return {
    chains: chains.map((chain) => ({
      chain_id: chain.chainId,
      hops: chain.hops.map(toPlacedSpan),
      slots: chain.slots,
      slots_in_use: chain.slotsInUse,
      planned_service_seconds: chain.plannedServiceSeconds,
      measured_service_seconds: chain.measuredServiceSeconds ?? null,
    })),
  };
}

export function toPlanDocument(plan: PlanView): PlanDocument {
  const bounds = plan.responseSeconds;
  return {
    model_id: plan.modelId,
    block_count: plan.blockCount,
    epoch: plan.epoch,
    age_seconds: plan.ageSeconds ?? null,
    placement_policy: plan.placementPolicy,
    objective: plan.objective ?? null,
    reserved_slots: plan.reservedSlots ?? null,
    placement: plan.placement.map(toPlacedSpan),
    total_slots: plan.totalSlots,
    service_rate_per_second: plan.serviceRatePerSecond,
    arrival_rate_per_second: plan.arrivalRatePerSecond,
    response_seconds:
      bounds === undefined ? null : { lower: bounds.lower, upper: bounds.upper, predicted: bounds.predicted ?? null },
    block_coverage_min: plan.blockCoverageMin,
    reason: plan.reason ?? null,
  };
}

export function toQueueDocument(queue: QueueView): QueueDocument {
  return {
    length: queue.length,
    limit: queue.limit,
    oldest_wait_seconds: queue.oldestWaitSeconds ?? null,
    running: queue.running,
  };
}

function toSpan(span: SpanView | undefined) {
  return span === undefined ? null : { first_block: span.firstBlock, block_count: span.blockCount };
}

function toPlacedSpan(span: PlacedSpanView) {
  return { server_id: span.serverId, first_block: span.firstBlock, block_count: span.blockCount };
}
