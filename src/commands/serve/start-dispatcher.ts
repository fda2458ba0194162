import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createGrpcTransport } from '../../adapters/chain-transport/grpc/transport.ts';
import { AddressPolicy } from '../../adapters/grpc/address-policy.ts';
import { buildGrpcServer, type GrpcServer } from '../../adapters/grpc/build-grpc-server.ts';
import { buildHttpServer } from '../../adapters/http/build-http-server.ts';
import { DEFAULT_HTTP_OPTIONS } from '../../adapters/http/http-options.ts';
import { PrometheusMetrics } from '../../adapters/observability/metrics.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { systemClock } from '../../adapters/system/system-clock.ts';
import type { ChainTransport } from '../../application/ports/chain-transport.ts';
import { GenerateText } from '../../application/requests/generate-text.ts';
import { JobDispatcher } from '../../application/requests/job-dispatcher.ts';
import { LeaseChain } from '../../application/requests/lease-chain.ts';
import { Leases } from '../../application/requests/leases.ts';
import { RecentRequests } from '../../application/requests/recent-requests.ts';
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

/** The arrival rate is averaged over about this long. */
const ARRIVAL_WINDOW_MS = 60_000;

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
  /** Ends what still runs with a named error, and closes everything. */
  stop(): Promise<void>;
}

/** Builds the dispatcher of its parts and listens. The language model stays the caller's to close. */
export async function startDispatcher(config: Config, model: LanguageModel, log: Logger): Promise<RunningDispatcher> {
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

  const scheduler = new Scheduler({ queueLimit: config.scheduling.queue_limit });
  const arrivalRate = new ArrivalRate(ARRIVAL_WINDOW_MS);
  const dispatcher = new JobDispatcher(scheduler, clock, arrivalRate, (seconds) => telemetry.dispatchDecided(seconds));
  const membership = new Membership({
    leaseMs: config.swarm.lease_seconds * 1000,
    loadTimeoutMs: config.swarm.load_timeout_seconds * 1000,
    exclusionMs: config.swarm.exclude_seconds * 1000,
    limit: config.limits.max_servers,
    speedChangeThreshold: SPEED_CHANGE_THRESHOLD,
  });
  const readiness = new FirstReadiness();
  let grpc: GrpcServer | undefined;
  const swarm = new Swarm(
    {
      model: shape,
      membership,
      dispatcher,
      arrivalRate,
      clock,
      telemetry,
      log: note('swarm'),
      onChains: (chains) => {
        grpc?.setServing(chains.length > 0);
        readiness.note(
          chains,
          membership.members().some((member) => phaseOf(member) === 'loading'),
        );
      },
    },
    {
      replanDebounceMs: config.swarm.replan_debounce_seconds * 1000,
      placementPolicy: config.planner.placement,
      objective: config.planner.objective,
      reservedSlots: config.planner.reserved_slots,
      maxLoad: config.planner.max_load,
      horizonSeconds: config.planner.horizon_seconds,
      minimumGain: config.planner.min_gain,
      movesAtOnce: config.swarm.moves_at_once,
      arrivalRateFloor: config.planner.arrival_rate_floor,
      serviceTimes: {
        workload: {
          inputTokens: Math.min(config.planner.workload_input_tokens, sessionTokens),
          outputTokens: Math.min(config.planner.workload_output_tokens, sessionTokens),
        },
        overheadSeconds: config.planner.overhead_seconds,
        hiddenBytesPerToken: model.hiddenSize * Float32Array.BYTES_PER_ELEMENT,
      },
      settleMs: config.swarm.step_timeout_seconds * 1000,
    },
  );
  const transport = createGrpcTransport();
  const journal = new RecentRequests(clock, JOURNAL_CAPACITY);
  const generateText = new GenerateText(
    {
      model,
      dispatcher,
      chains: swarm,
      transport,
      telemetry,
      clock,
      newId: newRandomId,
      log: note('requests'),
      journal,
    },
    {
      sessionTokens,
      prefillChunkTokens: config.model.prefill_chunk_tokens,
      stepTimeoutMs: config.swarm.step_timeout_seconds * 1000,
      maxWaitMs: config.scheduling.default_deadline_seconds * 1000,
      createdUnixSeconds: Math.floor(Date.now() / 1000),
    },
  );
  const leases = new Leases(clock, { leaseMs: CHAIN_LEASE_MS, limit: MAX_CHAIN_LEASES });
  const view = new LiveSwarmView({
    swarm,
    membership,
    scheduler,
    clock,
    modelId: model.id,
    blockCount: model.blockCount,
    placementPolicy: config.planner.placement,
    sessionTokens,
  });
  telemetry.observeState(() => view.telemetryState());

  grpc = buildGrpcServer(
    {
      swarm,
      membership,
      model: { ...shape, dtype: config.model.dtype, weightsDigest: model.weightsDigest },
      addresses: new AddressPolicy({
        serverAddresses: config.swarm.server_addresses,
        networks: config.swarm.server_networks,
      }),
      clock,
      log: note('registry'),
    },
    {
      inference: generateText,
      leases: new LeaseChain(
        { dispatcher, chains: swarm, leases, telemetry, clock, newId: newRandomId },
        { modelId: model.id, sessionTokens, maxWaitMs: config.scheduling.default_deadline_seconds * 1000 },
      ),
      newId: newRandomId,
      newSeed: () => Math.floor(Math.random() * 2 ** 32),
      apiKeys: config.security.api_keys,
      logFailure: (error) => log.error({ err: error, component: 'grpc' }, 'call failed'),
    },
    {
      maxMessageBytes: config.grpc.max_message_bytes,
      keepaliveSeconds: config.grpc.keepalive_seconds,
      registry: {
        heartbeatIntervalSeconds: config.swarm.heartbeat_interval_seconds,
        leaseSeconds: config.swarm.lease_seconds,
        dispatcherId: newRandomId(),
        joinTokens: config.security.join_tokens,
        maxAnonymousStreams: config.limits.max_servers,
      },
    },
  );
  const http = buildHttpServer({
    inference: generateText,
    metrics: telemetry,
    swarm: view,
    journal,
    log: log.child({ component: 'http' }),
    options: {
      ...DEFAULT_HTTP_OPTIONS,
      bodyLimitBytes: config.http.max_body_bytes,
      requestTimeoutMs: config.http.receive_timeout_seconds * 1000,
      keepAliveTimeoutMs: config.http.keep_alive_seconds * 1000,
      maxConnections: config.limits.max_connections,
      maxJobsPerRequest: config.limits.max_choices_per_request,
      apiKeys: config.security.api_keys,
    },
  });
  const grpcPort = await grpc.listen(config.grpc.host, config.grpc.port);
  const httpUrl = await listenHttp(http, config).catch((error: unknown) => {
    grpc.forceClose();
    throw error;
  });

  return {
    httpUrl,
    grpcAddress: `${config.grpc.host}:${grpcPort}`,
    shape,
    ready: readiness.promise,
    drain: async (graceMs) => {
      swarm.stop();
      dispatcher.stopAccepting();
      grpc.setServing(false);
      await untilIdle(scheduler, graceMs);
    },
    stop: async () => {
      swarm.stop();
      generateText.interruptAll(
        new DispatcherError('DSP_DRAINING', 'this dispatcher is shutting down', { retryAfterMs: 5_000 }),
      );
      leases.close();
      await close(http, grpc, transport);
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

async function listenHttp(http: FastifyInstance, config: Config): Promise<string> {
  const { host, port } = config.http;
  try {
    return await http.listen({ host, port });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DispatcherError('DSP_INVALID_ARGUMENT', `http.port: ${host}:${port} cannot be listened on: ${reason}`, {
      param: 'http.port',
      cause: error,
    });
  }
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

async function close(http: FastifyInstance, grpc: GrpcServer, transport: ChainTransport): Promise<void> {
  const patience = new Promise((resolve) => systemClock.setTimer(CLOSE_MS, () => resolve(undefined)));
  await Promise.race([Promise.all([http.close(), grpc.close()]), patience]);
  http.server.closeAllConnections();
  grpc.forceClose();
  await transport.close();
}
