import type { MemberLink } from '../../src/application/ports/member-link.ts';
import type { Planner } from '../../src/application/ports/planner.ts';
import { JobDispatcher } from '../../src/application/requests/job-dispatcher.ts';
import { Swarm } from '../../src/application/swarm/swarm.ts';
import type { SwarmOptions } from '../../src/application/swarm/swarm-parts.ts';
import type { Registration } from '../../src/domain/membership/member.ts';
import { Membership, type MembershipOptions } from '../../src/domain/membership/membership.ts';
import type { ModelShape } from '../../src/domain/model/model.ts';
import type { Span } from '../../src/domain/model/span.ts';
import { ArrivalRate } from '../../src/domain/planning/arrival-rate.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { SchedulerOptions } from '../../src/domain/scheduling/scheduler-options.ts';
import { InlinePlanner } from '../../src/planner/inline-planner.ts';
import { FakeClock } from './fake-clock.ts';
import { RecordingTelemetry } from './recording-telemetry.ts';

export interface FakeServerOptions {
  readonly memoryBytes?: number;
  /** Factor on the declared times. Default 1. */
  readonly slowness?: number;
  readonly hosted?: Span;
  readonly address?: string;
  /** Default: the swarm's. */
  readonly loadMsPerBlock?: number;
  /** Reports that it cannot load. */
  readonly failsToLoad?: boolean;
  readonly isPinned?: boolean;
}

export interface SpanOrderSeen {
  readonly atMs: number;
  readonly epoch: number;
  readonly span: Span;
  readonly cacheBytes: number;
}

/** What a server of the fake swarm saw. It beats, and loads what it is told. */
export class FakeServer implements MemberLink {
  readonly serverId: string;
  readonly orders: SpanOrderSeen[] = [];
  isDrained = false;
  endedBy: string | undefined;
  incarnation = 0;
  hosted: Span | undefined;
  readonly #swarm: FakeSwarm;
  readonly #options: FakeServerOptions;
  #cancels: (() => void)[] = [];

  constructor(swarm: FakeSwarm, serverId: string, options: FakeServerOptions) {
    this.#swarm = swarm;
    this.serverId = serverId;
    this.#options = options;
    this.hosted = options.hosted;
  }

  hostSpan(order: { epoch: number; span: Span; cacheBytes: number }): void {
    const { clock, swarm } = this.#swarm;
    this.orders.push({ atMs: clock.nowMs(), ...order });
    const before = this.hosted;
    const isNew = (block: number): boolean =>
      before === undefined || block < before.firstBlock || block >= before.firstBlock + before.blockCount;
    const blocks = Array.from({ length: order.span.blockCount }, (_, i) => order.span.firstBlock + i).filter(
      isNew,
    ).length;
    const ms = blocks * (this.#options.loadMsPerBlock ?? this.#swarm.loadMsPerBlock);
    this.hosted = blocks === 0 && order.span.blockCount > 0 ? order.span : undefined;
    const cancel = clock.setTimer(ms, () => {
      if (this.orders.at(-1)?.epoch !== order.epoch) return;
      if (this.#options.failsToLoad === true)
        swarm.spanFailed(this.serverId, this.incarnation, order.epoch, 'disk full');
      else {
        this.hosted = order.span.blockCount === 0 ? undefined : order.span;
        swarm.spanReady(this.serverId, this.incarnation, order.epoch, order.span);
      }
    });
    this.#cancels.push(cancel);
  }

  drained(): void {
    this.isDrained = true;
  }

  end(reason: { message: string }): void {
    this.endedBy = reason.message;
    this.fallSilent();
  }

  beat(): void {
    const { clock, swarm, heartbeatMs } = this.#swarm;
    swarm.heartbeat(this.serverId, this.incarnation, { cacheBytesFree: 0, sessions: 0, speeds: undefined });
    this.#cancels = [...this.#cancels.slice(-1), clock.setTimer(heartbeatMs, () => this.beat())];
  }

  /** Sends nothing any more, and does nothing. */
  fallSilent(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  /** Its stream ends. */
  leave(hadLeft = false): void {
    this.fallSilent();
    this.#swarm.swarm.streamEnded(this.serverId, this.incarnation, hadLeft);
  }
}

/** A model of ten blocks; a server of 60 bytes holds all of them and has room for ten sessions of cache. */
export const FAKE_MODEL: ModelShape = { id: 'm', blockCount: 10, blockBytes: 4, cacheBytesPerBlock: 0.2 };

/** The live swarm of the product in simulated time: real membership, planning and scheduling, servers that obey. */
export class FakeSwarm {
  readonly clock = new FakeClock();
  readonly telemetry = new RecordingTelemetry();
  readonly membership: Membership;
  readonly scheduler: Scheduler;
  readonly arrivals = new ArrivalRate(60_000);
  readonly dispatcher: JobDispatcher;
  readonly swarm: Swarm;
  readonly model: ModelShape;
  readonly log: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly heartbeatMs = 5_000;
  readonly loadMsPerBlock: number;
  /** Blocks that no serving server had, from when: kept by `onChains`. */
  readonly #servers = new Map<string, FakeServer>();

  constructor(
    options: Partial<SwarmOptions & MembershipOptions> & {
      model?: ModelShape;
      loadMsPerBlock?: number;
      /** Default: answers at once. */
      planner?: Planner;
      scheduling?: Partial<SchedulerOptions>;
    } = {},
  ) {
    const { model = FAKE_MODEL, loadMsPerBlock = 1_000 } = options;
    this.model = model;
    this.loadMsPerBlock = loadMsPerBlock;
    this.scheduler = new Scheduler({ queueLimit: 100, ...options.scheduling });
    this.membership = new Membership({
      leaseMs: 15_000,
      loadTimeoutMs: 60_000,
      exclusionMs: 60_000,
      limit: 100,
      speedChangeThreshold: 0.25,
      flapLimit: 5,
      flapWindowMs: 60_000,
      ...options,
    });
    this.dispatcher = new JobDispatcher(this.scheduler, this.clock, this.arrivals);
    this.swarm = new Swarm(
      {
        model,
        membership: this.membership,
        dispatcher: this.dispatcher,
        arrivalRate: this.arrivals,
        clock: this.clock,
        planner: options.planner ?? new InlinePlanner(20),
        telemetry: this.telemetry,
        log: (message, fields) => this.log.push({ message, fields }),
        onChains: () => undefined,
      },
      {
        replanDebounceMs: 200,
        placementPolicy: 'gbp-cr-fill',
        objective: 'lower',
        serviceModel: 'independent',
        prefillChunk: { least: 32, most: 256 },
        searchAfterMs: 5_000,
        reservedSlots: undefined,
        maxLoad: 0.7,
        horizonSeconds: 600,
        minimumGain: 0.05,
        movesAtOnce: 1,
        arrivalRateFloor: 0.2,
        serviceTimes: {
          workload: { inputTokens: 100, outputTokens: 50 },
          overheadSeconds: 0.001,
          hiddenBytesPerToken: 4,
        },
        workloadSamples: 20,
        driftThreshold: 0.25,
        rateWindowSeconds: 60,
        lookIntervalMs: 10_000,
        drainGraceMs: 25_000,
        rejoinMs: 0,
        serverLimit: 100,
        settleMs: 5_000,
        ...options,
      },
    );
  }

  /** A server joins; it beats, and obeys orders after the time that loading takes. */
  join(serverId: string, options: FakeServerOptions = {}): FakeServer {
    const server = new FakeServer(this, serverId, options);
    const slowness = options.slowness ?? 1;
    const registration: Registration = {
      serverId,
      modelId: this.model.id,
      address: options.address ?? `127.0.0.1:${this.#servers.size + 1}`,
      protocol: 'grpc',
      memoryBytes: options.memoryBytes ?? 60,
      speeds: {
        overheadSecondsPerBlock: 0.0001 * slowness,
        prefillSecondsPerTokenPerBlock: 0.0001 * slowness,
        decodeSecondsPerTokenPerBlock: 0.001 * slowness,
        rttSeconds: 0.002,
        bandwidthBytesPerSecond: undefined,
        concurrencySlope: 1,
      },
      hosted: options.hosted,
      isPinned: options.isPinned ?? false,
      labels: new Map(),
      dtype: 'float32',
      weightsDigest: '',
    };
    this.#servers.set(`${serverId}#${this.#servers.size}`, server);
    server.incarnation = this.swarm.join(registration, server);
    server.beat();
    return server;
  }

  stateOf(serverId: string): string | undefined {
    const member = this.membership.get(serverId);
    return (
      member &&
      (member.exclusion !== undefined
        ? 'excluded'
        : member.isDraining
          ? 'draining'
          : member.ready
            ? 'serving'
            : 'not serving')
    );
  }

  /** Decisions in the order they were made. */
  decisions(): readonly string[] {
    return this.log
      .filter(({ message }) => message.startsWith('plan') || message.startsWith('no feasible'))
      .map(({ message, fields }) => `${message}: ${String(fields['cause'])}`);
  }

  stop(): void {
    this.swarm.stop();
    this.dispatcher.close();
    for (const server of this.#servers.values()) server.fallSilent();
  }
}
