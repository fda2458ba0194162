import type { RequestTimes } from '../../../application/ports/request-journal.ts';
import type { PlanOutlook, SwarmChange } from '../../../application/ports/swarm-control.ts';
import type {
  ChainView,
  PlacedSpanView,
  PlanView,
  QueueView,
  ServerView,
  SpanView,
} from '../../../application/ports/swarm-view.ts';
import type { RequestTimesDocument } from './request-schemas.ts';
import type { ChainsDocument, PlanDocument, QueueDocument, ServersDocument } from './schemas.ts';
import type { OutlookDocument, WhatIfBody } from './what-if-schemas.ts';

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
      pace: server.pace,
      concurrency_slope: server.concurrencySlope,
      heartbeat_age_seconds: server.heartbeatAgeSeconds,
      dtype: server.dtype,
      labels: { ...server.labels },
      contribution: {
        tokens: server.contribution.tokens,
        block_seconds: server.contribution.blockSeconds,
        uptime_seconds: server.contribution.uptimeSeconds,
      },
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
  return {
    model_id: plan.modelId,
    block_count: plan.blockCount,
    epoch: plan.epoch,
    age_seconds: plan.ageSeconds ?? null,
    placement_policy: plan.placementPolicy,
    objective: plan.objective ?? null,
    reserved_slots: plan.reservedSlots ?? null,
    slot_tokens: plan.slotTokens,
    placement: plan.placement.map(toPlacedSpan),
    total_slots: plan.totalSlots,
    service_rate_per_second: plan.serviceRatePerSecond,
    arrival_rate_per_second: plan.arrivalRatePerSecond,
    response_seconds: toBounds(plan.responseSeconds),
    block_coverage_min: plan.blockCoverageMin,
    reason: plan.reason ?? null,
    decision: toDecision(plan.decision),
    source: toSource(plan.source),
    search: toSearch(plan.search),
    pending_moves: plan.pendingMoves,
    workload: {
      input_tokens: plan.workload.inputTokens,
      output_tokens: plan.workload.outputTokens,
      is_measured: plan.workload.isMeasured,
    },
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

function toDecision(decision: PlanView['decision']): PlanDocument['decision'] {
  if (decision === undefined) return null;
  return {
    kind: decision.kind,
    cause: decision.cause,
    reason: decision.reason,
    age_seconds: decision.ageSeconds,
    gain_seconds: decision.gainSeconds ?? null,
    cost_seconds: decision.costSeconds ?? null,
  };
}

function toSource(source: PlanView['source']): PlanDocument['source'] {
  if (source === undefined) return null;
  return {
    kind: source.kind,
    placement_policy: source.placementPolicy,
    objective: source.objective ?? null,
    seconds: source.seconds,
    evaluations: source.evaluations ?? null,
    gain_seconds: source.gainSeconds ?? null,
  };
}

function toSearch(search: PlanView['search']): PlanDocument['search'] {
  if (search === undefined) return null;
  return {
    outcome: search.outcome,
    reason: search.reason,
    age_seconds: search.ageSeconds,
    seconds: search.seconds ?? null,
    evaluations: search.evaluations ?? null,
    is_cut_short: search.isCutShort,
  };
}

function toSpan(span: SpanView | undefined) {
  return span === undefined ? null : { first_block: span.firstBlock, block_count: span.blockCount };
}

function toPlacedSpan(span: PlacedSpanView) {
  return { server_id: span.serverId, first_block: span.firstBlock, block_count: span.blockCount };
}

export function toOutlookDocument(outlook: PlanOutlook): OutlookDocument {
  return {
    feasible: outlook.isFeasible,
    reason: outlook.reason ?? null,
    placement_policy: outlook.placementPolicy,
    reserved_slots: outlook.reservedSlots ?? null,
    placement: outlook.placement.map(toPlacedSpan),
    chains: outlook.chains.map((chain) => ({
      hops: chain.hops.map(toPlacedSpan),
      slots: chain.slots,
      service_seconds: chain.serviceSeconds,
    })),
    total_slots: outlook.totalSlots,
    service_rate_per_second: outlook.serviceRatePerSecond,
    arrival_rate_per_second: outlook.arrivalRatePerSecond,
    response_seconds: toBounds(outlook.responseSeconds),
  };
}

export function toSwarmChange(body: WhatIfBody): SwarmChange {
  return {
    arrivalRatePerSecond: body.arrival_rate_per_second,
    removedServerIds: body.remove_servers ?? [],
    addedServers: (body.add_servers ?? []).map((server) => ({
      serverId: server.server_id,
      memoryBytes: server.memory_bytes,
      rttSeconds: server.rtt_seconds,
      overheadSecondsPerBlock: server.overhead_seconds_per_block,
      prefillSecondsPerTokenPerBlock: server.prefill_seconds_per_token_per_block,
      decodeSecondsPerTokenPerBlock: server.decode_seconds_per_token_per_block,
    })),
  };
}

export function toRequestTimesDocument(times: RequestTimes): RequestTimesDocument {
  return {
    request_id: times.requestId,
    model_id: times.modelId,
    outcome: times.outcome ?? null,
    prompt_tokens: times.promptTokens,
    completion_tokens: times.completionTokens,
    total_seconds: times.totalSeconds,
    queue_seconds: times.queueSeconds ?? null,
    first_token_seconds: times.firstTokenSeconds ?? null,
    client_seconds: times.clientSeconds,
    chains: times.chains.map((chain) => ({
      chain_id: chain.chainId,
      choice:
        chain.choice === undefined ? null : { position: chain.choice.position, chain_count: chain.choice.chainCount },
      started_after_seconds: chain.startedAfterSeconds,
      opening_seconds: chain.openingSeconds ?? null,
      prefill_seconds: chain.prefillSeconds ?? null,
      decode_seconds: chain.decodeSeconds ?? null,
      tokens: chain.tokens,
      hops: chain.hops.map((hop) => ({
        server_id: hop.serverId,
        first_block: hop.firstBlock,
        block_count: hop.blockCount,
        steps: hop.steps,
        round_trip_seconds: hop.roundTripSeconds,
        compute_seconds: hop.computeSeconds,
        // A server's own figure may claim more than passed here.
        network_seconds: Math.max(0, hop.roundTripSeconds - hop.computeSeconds),
      })),
    })),
  };
}

function toBounds(bounds: PlanOutlook['responseSeconds']) {
  return bounds === undefined
    ? null
    : { lower: bounds.lower, upper: bounds.upper, predicted: bounds.predicted ?? null };
}
