import type { SwarmOptions } from '../../application/swarm/swarm-parts.ts';
import type { Config } from '../../config/schema.ts';
import type { ChunkBounds } from '../../domain/scheduling/prefill-chunk.ts';

/** The arrival rate is averaged over about this long. */
export const ARRIVAL_WINDOW_MS = 60_000;

/** What the live swarm is planned by, as configured. */
export function planningOptions(
  config: Config,
  model: { readonly hiddenSize: number },
  sessionTokens: number,
): SwarmOptions {
  const { planner, swarm, limits } = config;
  return {
    replanDebounceMs: swarm.replan_debounce_seconds * 1000,
    placementPolicy: planner.placement,
    objective: planner.objective,
    serviceModel: planner.service_model,
    prefillChunk: prefillBounds(config),
    searchAfterMs: planner.search_after_seconds * 1000,
    reservedSlots: planner.reserved_slots,
    maxLoad: planner.max_load,
    horizonSeconds: planner.horizon_seconds,
    minimumGain: planner.min_gain,
    movesAtOnce: swarm.moves_at_once,
    arrivalRateFloor: planner.arrival_rate_floor,
    serviceTimes: {
      workload: {
        inputTokens: Math.min(planner.workload_input_tokens, sessionTokens),
        outputTokens: Math.min(planner.workload_output_tokens, sessionTokens),
      },
      overheadSeconds: planner.overhead_seconds,
      hiddenBytesPerToken: model.hiddenSize * Float32Array.BYTES_PER_ELEMENT,
      maxComputeLoad: config.scheduling.max_compute_load,
    },
    settleMs: swarm.step_timeout_seconds * 1000,
    workloadSamples: planner.workload_samples,
    sizedSessionTokens: sizesSlots(config) ? sessionTokens : undefined,
    driftThreshold: planner.drift_threshold,
    rateWindowSeconds: ARRIVAL_WINDOW_MS / 1000,
    lookIntervalMs: planner.drift_check_seconds * 1000,
    drainGraceMs: limits.grace_period_seconds * 1000,
    rejoinMs: swarm.rejoin_seconds * 1000,
    serverLimit: limits.max_servers,
  };
}

/** Whether plans leave cache for sessions as they come. Other placements make no promise to the longest one. */
function sizesSlots({ planner, scheduling }: Config): boolean {
  const keepsRoom = ['gbp-cr', 'gbp-cr-fill', 'best'].includes(planner.placement);
  return (
    planner.slot_size === 'measured' &&
    scheduling.cache === 'tokens' &&
    keepsRoom &&
    planner.reserved_slots === undefined
  );
}

/** Bounds of the pieces of prompts. */
export function prefillBounds({ model }: Pick<Config, 'model'>): ChunkBounds {
  const most = model.prefill_chunk_tokens;
  return { least: Math.min(model.prefill_chunk_min_tokens, most), most };
}
