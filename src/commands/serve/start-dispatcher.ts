import type { Logger } from 'pino';
import { PrometheusMetrics } from '../../adapters/observability/metrics.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { systemClock } from '../../adapters/system/system-clock.ts';
import { NO_TRACER, type RequestTracer } from '../../application/ports/request-tracer.ts';
import { GenerateText } from '../../application/requests/generate-text.ts';
import { HistoryBudget } from '../../application/requests/history-budget.ts';
import { JobDescriptions } from '../../application/requests/job-descriptions.ts';
import { JobDispatcher } from '../../application/requests/job-dispatcher.ts';
import { LeaseChain } from '../../application/requests/lease-chain.ts';
import { Leases } from '../../application/requests/leases.ts';
import { PrefillPieces } from '../../application/requests/prefill-pieces.ts';
import { RecentRequests } from '../../application/requests/recent-requests.ts';
import { StepLoads } from '../../application/requests/step-loads.ts';
import { ContributionLedger } from '../../application/swarm/contribution-ledger.ts';
import { LiveSwarmControl } from '../../application/swarm/live-swarm-control.ts';
import { LiveSwarmView } from '../../application/swarm/live-swarm-view.ts';
import { Swarm } from '../../application/swarm/swarm.ts';
import type { Config } from '../../config/schema.ts';
import { phaseOf } from '../../domain/membership/member.ts';
import { Membership } from '../../domain/membership/membership.ts';
import type { Chain } from '../../domain/model/chain.ts';
import type { ModelShape } from '../../domain/model/model.ts';
import { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import { Scheduler } from '../../domain/scheduling/scheduler.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { LanguageModel } from '../../language-model/open-language-model.ts';
import { connectPetals } from './connect-petals.ts';
import { type Fronts, openFronts } from './open-fronts.ts';
import { openPlanner } from './open-planner.ts';
import { ARRIVAL_WINDOW_MS, planningOptions, prefillBounds } from './planning-options.ts';
import { schedulerOptions } from './scheduler-options.ts';

/** A change of a declared speed beyond this share makes a new plan. */
const SPEED_CHANGE_THRESHOLD = 0.25;

/** A chain lent over gRPC is taken back when it is not renewed for this long. */
const CHAIN_LEASE_MS = 30_000;

const MAX_CHAIN_LEASES = 10_000;

/** Requests that ended and can still be asked about. */
const JOURNAL_CAPACITY = 10_000;

/** The ready line waits this long for servers that still load once a first chain serves, ms. */
const STRAGGLER_MS = 1_000;

/** Prompt plus output of one request, where the configuration names no limit and the model's context is longer. */
export const DEFAULT_SESSION_TOKENS = 1024;

export interface RunningDispatcher {
  /** Bound, as `http://host:port` and `host:port`. */
  readonly httpUrl: string;
  readonly grpcAddress: string;
  readonly shape: ModelShape;
  /** Resolves when chains first serve the model. */
  readonly ready: Promise<{ readonly chains: number; readonly slots: number }>;
  /** Not ready and no new admissions from now on; resolves when nothing runs any more, or after `graceMs`. */
  drain(graceMs: number): Promise<void>;
  /** Reads keys and certificates again. @throws ConfigError, UsageError: then nothing changes */
  reload(): void;
  /** Ends what still runs with a named error, and closes everything. */
  stop(): Promise<void>;
}

/** Builds the dispatcher of its parts and listens. The language model stays the caller's to close. */
export async function startDispatcher(
  config: Config,
  model: LanguageModel,
  log: Logger,
  tracer: RequestTracer = NO_TRACER,
): Promise<RunningDispatcher> {
  const sessionTokens = sessionLimit(config, model);
  const shape: ModelShape = {
    id: model.id,
    blockCount: model.blockCount,
    blockBytes: model.blockBytes,
    cacheBytesPerBlock: model.cacheBytesPerTokenPerBlock * sessionTokens,
  };
  const clock = systemClock;
  const telemetry = new PrometheusMetrics({
    modelName: model.id,
    includesVllmNames: config.observability.vllm_metric_names,
  });
  const note = (component: string) => {
    const child = log.child({ component });
    return (message: string, fields: Readonly<Record<string, unknown>>): void => child.info(fields, message);
  };

  const scheduler = new Scheduler(schedulerOptions(config.scheduling, model.cacheBytesPerTokenPerBlock));
  const arrivalRate = new ArrivalRate(ARRIVAL_WINDOW_MS);
  const dispatcher = new JobDispatcher(scheduler, clock, arrivalRate, telemetry);
  const membership = new Membership({
    leaseMs: config.swarm.lease_seconds * 1000,
    loadTimeoutMs: config.swarm.load_timeout_seconds * 1000,
    exclusionMs: config.swarm.exclude_seconds * 1000,
    limit: config.limits.max_servers,
    speedChangeThreshold: SPEED_CHANGE_THRESHOLD,
    flapLimit: config.swarm.flap_limit,
    flapWindowMs: config.swarm.flap_window_seconds * 1000,
  });
  const contributions = new ContributionLedger(2 * config.limits.max_servers);
  const readiness = new FirstReadiness();
  let fronts: Fronts | undefined;
  const planning = planningOptions(config, model, sessionTokens);
  const planner = openPlanner(config, clock, telemetry, log.child({ component: 'planner' }));
  const jobs = new JobDescriptions(clock, {
    sessionTokens,
    granularityTokens: config.scheduling.cache_granularity_tokens,
    typicalWorkload: planning.serviceTimes.workload,
    overheadSeconds: config.planner.overhead_seconds,
    maxWaitMs: config.scheduling.default_deadline_seconds * 1000,
  });
  const swarm = new Swarm(
    {
      model: shape,
      membership,
      dispatcher,
      arrivalRate,
      clock,
      planner,
      telemetry,
      log: note('swarm'),
      onChains: (chains) => {
        contributions.observe(membership.members(), clock.nowMs());
        fronts?.setServing(chains.length > 0);
        jobs.chainsChanged(chains, membership);
        readiness.note(
          chains,
          membership.members().some((member) => phaseOf(member) === 'loading'),
        );
      },
    },
    planning,
  );
  const petals = connectPetals(config, model, sessionTokens, swarm, note('petals'));
  const { transport } = petals;
  const journal = new RecentRequests(clock, JOURNAL_CAPACITY, [(times) => contributions.requestEnded(times)]);
  const generateText = new GenerateText(
    {
      model,
      dispatcher,
      jobs,
      chains: swarm,
      transport,
      pieces: new PrefillPieces(membership, prefillBounds(config)),
      load: new StepLoads(membership, clock, config.planner.overhead_seconds),
      telemetry,
      clock,
      newId: newRandomId,
      log: note('requests'),
      journal,
      tracer,
    },
    {
      sessionTokens,
      replayTokens: config.model.prefill_chunk_tokens,
      stepTimeoutMs: config.swarm.step_timeout_seconds * 1000,
      recovery: {
        maxAttempts: config.recovery.max_attempts,
        maxWaitMs: config.recovery.max_wait_seconds * 1000,
        memory: new HistoryBudget(config.recovery.history_bytes),
        progress: {
          windowSteps: config.recovery.slow_window_tokens,
          factor: config.recovery.slow_factor,
          leastSeconds: config.recovery.slow_token_seconds,
        },
        typicalOutputTokens: planning.serviceTimes.workload.outputTokens,
      },
      createdUnixSeconds: Math.floor(Date.now() / 1000),
    },
  );
  const leases = new Leases(clock, { leaseMs: CHAIN_LEASE_MS, limit: MAX_CHAIN_LEASES });
  const view = new LiveSwarmView({
    swarm,
    membership,
    scheduler,
    clock,
    contributions,
    modelId: model.id,
    blockCount: model.blockCount,
    placementPolicy: config.planner.placement,
    sessionTokens,
  });
  telemetry.observeState(() => view.telemetryState());

  fronts = openFronts(
    config,
    {
      inference: generateText,
      leases: new LeaseChain(
        { dispatcher, jobs, chains: swarm, leases, telemetry, clock, newId: newRandomId },
        { modelId: model.id, sessionTokens },
      ),
      swarm,
      membership,
      model: { ...shape, dtype: config.model.dtype, weightsDigest: model.weightsDigest },
      metrics: telemetry,
      view,
      control: new LiveSwarmControl({ swarm, membership, planner, planning }),
      journal,
    },
    log,
  );
  const addresses = await fronts.listen();
  const opened = fronts;
  petals.start();

  return {
    ...addresses,
    shape,
    ready: readiness.promise,
    drain: async (graceMs) => {
      petals.stop();
      swarm.stop();
      dispatcher.stopAccepting();
      opened.setServing(false);
      await untilIdle(scheduler, graceMs);
    },
    reload: () => opened.reload(),
    stop: async () => {
      petals.stop();
      swarm.stop();
      generateText.interruptAll(
        new DispatcherError('DSP_DRAINING', 'this dispatcher is shutting down', { retryAfterMs: 5_000 }),
      );
      leases.close();
      await opened.close(CLOSE_MS);
      await petals.close();
      await planner.close();
      dispatcher.close();
    },
  };
}

/** The swarm serves for the first time: with every server that the plan uses, or with what is ready a little later. */
class FirstReadiness {
  readonly #settled = Promise.withResolvers<{ chains: number; slots: number }>();
  #latest = { chains: 0, slots: 0 };

  get promise(): Promise<{ readonly chains: number; readonly slots: number }> {
    return this.#settled.promise;
  }

  note(chains: readonly Chain[], isLoading: boolean): void {
    this.#latest = { chains: chains.length, slots: chains.reduce((sum, chain) => sum + chain.slots, 0) };
    if (chains.length === 0) return;
    if (isLoading) systemClock.setTimer(STRAGGLER_MS, () => this.#settled.resolve(this.#latest));
    else this.#settled.resolve(this.#latest);
  }
}

function sessionLimit(config: Config, model: LanguageModel): number {
  const wanted = config.model.session_tokens ?? Math.min(model.contextTokens, DEFAULT_SESSION_TOKENS);
  if (wanted <= model.contextTokens) return wanted;
  throw new DispatcherError(
    'DSP_INVALID_ARGUMENT',
    `model.session_tokens: ${wanted} exceeds the context of ${model.id}, ${model.contextTokens} tokens: lower it`,
    { param: 'model.session_tokens' },
  );
}

/** Until no request waits or runs, or `graceMs` have passed. */
async function untilIdle(scheduler: Scheduler, graceMs: number): Promise<void> {
  const untilMs = systemClock.nowMs() + graceMs;
  while (scheduler.runningCount + scheduler.queueLength > 0 && systemClock.nowMs() < untilMs) {
    await new Promise((resolve) => systemClock.setTimer(20, () => resolve(undefined)));
  }
}

/** How long closing may wait for connections that are still writing their last bytes, ms. */
const CLOSE_MS = 500;
