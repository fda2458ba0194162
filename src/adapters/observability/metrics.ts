import { collectDefaultMetrics, type Histogram, Registry } from 'prom-client';
import { PLANNER_FAILURES, type PlannerFailure } from '../../application/ports/planner.ts';
import {
  FAILOVER_OUTCOMES,
  type FailoverOutcome,
  type FinishedRequest,
  PLAN_OUTCOMES,
  type PlanningRun,
  REPLAN_REASONS,
  REQUEST_OUTCOMES,
  SEARCH_OUTCOMES,
  SERVER_LOSS_REASONS,
  SERVER_STATES,
  type SearchRun,
  type ServerLossReason,
  type Telemetry,
  type TelemetryState,
} from '../../application/ports/telemetry.ts';
import { createDaisychainFamilies, createVllmFamilies } from './metric-families.ts';

/** Most values of the label `server`. */
const MAX_SERVER_LABELS = 1_024;

export interface MetricsOptions {
  /** Value of the label `model_name` on every sample. */
  readonly modelName: string;
  /** Also the process's own families (`process_*`, `nodejs_*`). Default true. */
  readonly includesProcess?: boolean;
  /** Also the aliases under vLLM's names. Default true. */
  readonly includesVllmNames?: boolean;
}

/** Telemetry as Prometheus metrics, in a registry of its own. */
export class PrometheusMetrics implements Telemetry {
  readonly #registry = new Registry();
  readonly #own = createDaisychainFamilies(this.#registry);
  readonly #vllm: ReturnType<typeof createVllmFamilies>;
  readonly #servers = new Set<string>();
  #readState: (() => TelemetryState) | undefined;

  constructor(options: MetricsOptions) {
    this.#registry.setDefaultLabels({ model_name: options.modelName });
    // Without the aliases they count in a registry that nobody renders.
    this.#vllm = createVllmFamilies(options.includesVllmNames === false ? new Registry() : this.#registry);
    if (options.includesProcess !== false) collectDefaultMetrics({ register: this.#registry });
    // A series that is absent until its first event cannot be alerted on.
    for (const outcome of REQUEST_OUTCOMES) this.#own.requests.inc({ outcome }, 0);
    for (const kind of ['predicted', 'real']) this.#own.queueForetold.inc({ kind }, 0);
    for (const reason of REPLAN_REASONS) this.#own.replans.inc({ reason }, 0);
    for (const outcome of PLAN_OUTCOMES) this.#own.planDecisions.inc({ outcome }, 0);
    for (const outcome of SEARCH_OUTCOMES) this.#own.planSearches.inc({ outcome }, 0);
    for (const cause of PLANNER_FAILURES) this.#own.plannerFailures.inc({ cause }, 0);
    for (const outcome of FAILOVER_OUTCOMES) this.#own.failovers.inc({ outcome }, 0);
    for (const reason of SERVER_LOSS_REASONS) this.#own.serverLosses.inc({ reason }, 0);
    for (const finished_reason of ['stop', 'length', 'abort']) this.#vllm.success.inc({ finished_reason }, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The Prometheus text of now. */
  async render(): Promise<string> {
    if (this.#readState !== undefined) this.#setGauges(this.#readState());
    return this.#registry.metrics();
  }

  observeState(read: () => TelemetryState): void {
    this.#readState = read;
  }

  requestFinished(request: FinishedRequest): void {
    const own = this.#own;
    const vllm = this.#vllm;
    own.requests.inc({ outcome: request.outcome });
    if (request.promptTokens > 0) {
      own.promptTokens.inc(request.promptTokens);
      vllm.promptTokens.inc(request.promptTokens);
    }
    if (request.completionTokens > 0) {
      own.generationTokens.inc(request.completionTokens);
      vllm.generationTokens.inc(request.completionTokens);
    }
    observe(own.queue, request.queueSeconds);
    observe(vllm.queue, request.queueSeconds);
    observe(own.firstToken, request.timeToFirstTokenSeconds);
    observe(vllm.firstToken, request.timeToFirstTokenSeconds);
    observe(own.outputToken, request.timePerOutputTokenSeconds);
    observe(vllm.outputToken, request.timePerOutputTokenSeconds);
    if (request.outcome === 'completed') {
      observe(own.response, request.responseSeconds);
      observe(vllm.response, request.responseSeconds);
      vllm.success.inc({ finished_reason: request.finishReason ?? 'stop' });
    } else if (request.outcome === 'cancelled') {
      vllm.success.inc({ finished_reason: 'abort' });
    }
  }

  waitEnded(predictedSeconds: number, seconds: number): void {
    this.#own.queueForetold.inc({ kind: 'predicted' }, predictedSeconds);
    this.#own.queueForetold.inc({ kind: 'real' }, seconds);
    // Below a millisecond both are rounding.
    observe(this.#own.queuePrediction, Math.max(0.001, seconds) / Math.max(0.001, predictedSeconds));
  }

  dispatchDecided(seconds: number): void {
    observe(this.#own.decision, seconds);
  }

  planMade(run: PlanningRun): void {
    this.#own.replans.inc({ reason: run.reason });
    this.#own.planDecisions.inc({ outcome: run.outcome });
    observe(this.#own.planning, run.durationSeconds);
  }

  planSearched(search: SearchRun): void {
    this.#own.planSearches.inc({ outcome: search.outcome });
    this.#own.planEvaluations.inc(search.evaluations);
    observe(this.#own.planSearch, search.durationSeconds);
  }

  plannerFailed(cause: PlannerFailure): void {
    this.#own.plannerFailures.inc({ cause });
  }

  hopObserved(serverId: string, seconds: number): void {
    if (!this.#servers.has(serverId)) {
      if (this.#servers.size >= MAX_SERVER_LABELS) return;
      this.#servers.add(serverId);
    }
    if (Number.isFinite(seconds)) this.#own.hop.observe({ server: serverId }, seconds);
  }

  failoverEnded(outcome: FailoverOutcome): void {
    this.#own.failovers.inc({ outcome });
  }

  serverJoined(): void {
    this.#own.serverJoins.inc();
  }

  serverLost(reason: ServerLossReason): void {
    this.#own.serverLosses.inc({ reason });
  }

  blocksMoved(blocks: number): void {
    if (blocks > 0) this.#own.blockMoves.inc(blocks);
  }

  #setGauges(state: TelemetryState): void {
    this.#setChainGauges(state);
    const own = this.#own;
    own.queueLength.set(state.queueLength);
    for (const name of SERVER_STATES) own.servers.set({ state: name }, state.servers[name]);
    own.blockCoverageMin.set(state.blockCoverageMin);
    own.planEpoch.set(state.planEpoch);
    own.planReservedSlots.set(state.planReservedSlots ?? 0);
    own.planSlotTokens.set(state.planSlotTokens);
    own.planResponseSeconds.reset();
    if (state.planResponseSeconds !== undefined) {
      const { lower, upper, predicted } = state.planResponseSeconds;
      own.planResponseSeconds.set({ bound: 'lower' }, lower);
      own.planResponseSeconds.set({ bound: 'upper' }, upper);
      if (predicted !== undefined) own.planResponseSeconds.set({ bound: 'predicted' }, predicted);
    }
    own.arrivalRate.set(state.arrivalRatePerSecond);
    own.planGain.set(state.planGainSeconds ?? 0);
    own.planPendingMoves.set(state.pendingMoves);
    own.workloadTokens.set({ kind: 'input' }, state.workload.inputTokens);
    own.workloadTokens.set({ kind: 'output' }, state.workload.outputTokens);
    own.serverPace.reset();
    for (const { serverId, pace } of state.paces.slice(0, MAX_SERVER_LABELS))
      own.serverPace.set({ server: serverId }, pace);
    own.leader.set(state.isLeader ? 1 : 0);
    this.#vllm.running.set(state.runningRequests);
    this.#vllm.waiting.set(state.queueLength);
    this.#vllm.cacheUsage.set(cacheUsage(state));
    this.#setContributions(state);
    this.#forgetServers(state.serverIds);
  }

  #setChainGauges(state: TelemetryState): void {
    const { chainSlots, chainSlotsInUse, chainCacheTokens, chainCacheTokensInUse, chainServiceSeconds } = this.#own;
    for (const gauge of [chainSlots, chainSlotsInUse, chainCacheTokens, chainCacheTokensInUse, chainServiceSeconds])
      gauge.reset();
    for (const chain of state.chains) {
      chainSlots.set({ chain: chain.id }, chain.slots);
      chainSlotsInUse.set({ chain: chain.id }, chain.slotsInUse);
      chainCacheTokens.set({ chain: chain.id }, chain.cacheTokens);
      chainCacheTokensInUse.set({ chain: chain.id }, chain.cacheTokensInUse);
      chainServiceSeconds.set({ chain: chain.id, kind: 'planned' }, chain.plannedServiceSeconds);
      if (chain.measuredServiceSeconds !== undefined) {
        chainServiceSeconds.set({ chain: chain.id, kind: 'measured' }, chain.measuredServiceSeconds);
      }
    }
  }

  /** They are counted elsewhere, over the comings and goings of a server; here they are shown. */
  #setContributions(state: TelemetryState): void {
    const { serverTokens, serverBlockSeconds, serverUptime } = this.#own;
    for (const counter of [serverTokens, serverBlockSeconds, serverUptime]) counter.reset();
    for (const server of state.serverIds.slice(0, MAX_SERVER_LABELS)) {
      const { tokens = 0, blockSeconds = 0, uptimeSeconds = 0 } = state.contributions.get(server) ?? {};
      serverTokens.inc({ server }, tokens);
      serverBlockSeconds.inc({ server }, blockSeconds);
      serverUptime.inc({ server }, uptimeSeconds);
    }
  }

  /** Servers come and go; their series go with them. */
  #forgetServers(present: readonly string[]): void {
    const isPresent = new Set(present);
    for (const server of this.#servers) {
      if (isPresent.has(server)) continue;
      this.#servers.delete(server);
      this.#own.hop.remove({ server });
    }
  }
}

function observe(histogram: Histogram, seconds: number | undefined): void {
  if (seconds !== undefined && Number.isFinite(seconds)) histogram.observe(Math.max(0, seconds));
}

/** Share of cache tokens in use; of slots where a chain's cache is not known in tokens. */
function cacheUsage(state: TelemetryState): number {
  let total = 0;
  let used = 0;
  let slots = 0;
  let slotsInUse = 0;
  for (const chain of state.chains) {
    total += chain.cacheTokens;
    used += chain.cacheTokensInUse;
    slots += chain.slots;
    slotsInUse += chain.slotsInUse;
  }
  if (total > 0) return used / total;
  return slots > 0 ? slotsInUse / slots : 0;
}
