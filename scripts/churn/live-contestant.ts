import type { Telemetry } from '../../src/application/ports/telemetry.ts';
import { JobDispatcher } from '../../src/application/requests/job-dispatcher.ts';
import { Swarm } from '../../src/application/swarm/swarm.ts';
import { Membership } from '../../src/domain/membership/membership.ts';
import type { Chain } from '../../src/domain/model/chain.ts';
import { countNewBlocks, isSameSpan, type Span } from '../../src/domain/model/span.ts';
import { ArrivalRate } from '../../src/domain/planning/arrival-rate.ts';
import { composeLiveChains } from '../../src/domain/planning/live-chains.ts';
import { Scheduler } from '../../src/domain/scheduling/scheduler.ts';
import type { Contestant } from './contestant.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import { createSlowPlanner } from './slow-planner.ts';
import type { SwarmEvents } from './swarm-events.ts';
import { BLOOM, LOAD_MS_PER_BLOCK, type PoolServer, WORKLOAD } from './swarm-pool.ts';

const NEVER_MS = 1e12;
const RATE_WINDOW_MS = 60_000;
/** As the product by default. */
const SEARCH_EVALUATIONS = 60;

/** The product's own live swarm, in simulated time: its membership, decisions, orders and roll-out. */
export class LiveContestant implements Contestant {
  readonly #clock: SimulatedClock;
  readonly #events: SwarmEvents;
  readonly #arrivals = new ArrivalRate(RATE_WINDOW_MS);
  readonly #membership = new Membership({
    leaseMs: NEVER_MS,
    loadTimeoutMs: 600_000,
    exclusionMs: 60_000,
    limit: 512,
    speedChangeThreshold: 0.25,
    flapLimit: 5,
    flapWindowMs: 60_000,
  });
  readonly #swarm: Swarm;
  readonly #servers = new Map<string, LiveServer>();

  /** @param searches for better plans; false: quick looks only */
  constructor(clock: SimulatedClock, events: SwarmEvents, searches: boolean) {
    this.#clock = clock;
    this.#events = events;
    this.#swarm = new Swarm(
      {
        model: BLOOM,
        membership: this.#membership,
        // Requests run on the experiment's own scheduler: this one only takes the plans.
        dispatcher: new JobDispatcher(new Scheduler({ queueLimit: 1 }), clock, this.#arrivals),
        arrivalRate: this.#arrivals,
        clock,
        planner: createSlowPlanner(clock, SEARCH_EVALUATIONS),
        telemetry: SILENT,
        log: () => undefined,
        onChains: (chains) => this.#tellChains(chains),
      },
      {
        replanDebounceMs: 200,
        placementPolicy: searches ? 'best' : 'gbp-cr-fill',
        // As good as a prediction here, where jobs do not disturb each other, and much quicker.
        objective: 'lower',
        serviceModel: 'independent',
        prefillChunk: { least: 256, most: 256 },
        searchAfterMs: 5_000,
        reservedSlots: undefined,
        maxLoad: 0.7,
        horizonSeconds: 600,
        minimumGain: 0.05,
        movesAtOnce: 1,
        arrivalRateFloor: 0.05,
        serviceTimes: { workload: WORKLOAD, overheadSeconds: 0.018, hiddenBytesPerToken: 28_672 },
        workloadSamples: 50,
        driftThreshold: 0.25,
        rateWindowSeconds: RATE_WINDOW_MS / 1000,
        lookIntervalMs: 10_000,
        drainGraceMs: 25_000,
        rejoinMs: 0,
        serverLimit: 512,
        settleMs: 5_000,
      },
    );
  }

  join(server: PoolServer): void {
    const live = new LiveServer(server.id, this.#clock, this.#swarm, this.#events);
    this.#servers.set(server.id, live);
    live.incarnation = this.#swarm.join(
      {
        serverId: server.id,
        modelId: BLOOM.id,
        address: `${server.id}:1`,
        protocol: 'grpc',
        memoryBytes: server.memoryBytes,
        speeds: server.speeds,
        hosted: undefined,
        isPinned: false,
        labels: new Map(),
        dtype: 'float16',
        weightsDigest: '',
      },
      live,
    );
  }

  leave(server: PoolServer): void {
    const live = this.#servers.get(server.id);
    if (live === undefined) return;
    this.#servers.delete(server.id);
    live.stop();
    this.#swarm.streamEnded(server.id, live.incarnation, false);
  }

  arrived(): void {
    this.#arrivals.arrived(this.#clock.nowMs());
  }

  stop(): void {
    this.#swarm.stop();
  }

  #tellChains(chains: readonly Chain[]): void {
    const serving = this.#membership
      .members()
      .filter((member) => member.ready !== undefined && member.exclusion === undefined);
    const { serverSlots } = composeLiveChains(
      BLOOM,
      serving.map(({ serverId, memoryBytes }) => ({
        id: serverId,
        memoryBytes,
        communicationSeconds: 1,
        computationSecondsPerBlock: 1,
      })),
      serving.flatMap((member) => (member.ready === undefined ? [] : [{ serverId: member.serverId, ...member.ready }])),
    );
    this.#events.chainsChanged(chains, serverSlots);
  }
}

/** A server that does what it is told, after the time that it takes. */
class LiveServer {
  incarnation = 0;
  readonly #serverId: string;
  readonly #clock: SimulatedClock;
  readonly #swarm: Swarm;
  readonly #events: SwarmEvents;
  #hosted: Span | undefined;
  #cancelLoad: () => void = () => undefined;

  constructor(serverId: string, clock: SimulatedClock, swarm: Swarm, events: SwarmEvents) {
    this.#serverId = serverId;
    this.#clock = clock;
    this.#swarm = swarm;
    this.#events = events;
  }

  hostSpan({ epoch, span }: { readonly epoch: number; readonly span: Span }): void {
    this.#cancelLoad();
    if (span.blockCount === 0) return;
    if (this.#hosted === undefined || !isSameSpan(this.#hosted, span)) this.#events.spanChanged(this.#serverId);
    const blocks = countNewBlocks(this.#hosted, span);
    this.#hosted = span;
    this.#cancelLoad = this.#clock.setTimer(blocks * LOAD_MS_PER_BLOCK, () => {
      this.#swarm.spanReady(this.#serverId, this.incarnation, epoch, span);
      this.#events.loadEnded(this.#serverId);
    });
  }

  drained(): void {}

  end(): void {}

  stop(): void {
    this.#cancelLoad();
  }
}

const SILENT: Telemetry = {
  requestFinished: () => undefined,
  dispatchDecided: () => undefined,
  waitEnded: () => undefined,
  planMade: () => undefined,
  planSearched: () => undefined,
  plannerFailed: () => undefined,
  hopObserved: () => undefined,
  failoverEnded: () => undefined,
  serverJoined: () => undefined,
  serverLost: () => undefined,
  blocksMoved: () => undefined,
  observeState: () => undefined,
};
