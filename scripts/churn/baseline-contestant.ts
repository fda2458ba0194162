import { plannableServer } from '../../src/application/swarm/member-state.ts';
import type { Server } from '../../src/domain/model/server.ts';
import { countNewBlocks, isSameSpan, type Span } from '../../src/domain/model/span.ts';
import { ArrivalRate } from '../../src/domain/planning/arrival-rate.ts';
import { composeLiveChains } from '../../src/domain/planning/live-chains.ts';
import { makePlan } from '../../src/domain/planning/make-plan.ts';
import type { Contestant } from './contestant.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SwarmEvents } from './swarm-events.ts';
import { BLOOM, LOAD_MS_PER_BLOCK, type PoolServer, WORKLOAD } from './swarm-pool.ts';

/** As the product: servers that join together are planned for together. */
const DEBOUNCE_MS = 200;

const TERMS = { workload: WORKLOAD, overheadSeconds: 0.018, hiddenBytesPerToken: 28_672 };

interface BaselineServer {
  readonly server: Server;
  hosted: Span | undefined;
  isReady: boolean;
  cancelLoad: () => void;
}

/**
 * The two extremes. `always`: every join and leave makes a plan from nothing, and every server is told
 * at once what it says. `never`: each server hosts what one plan for the whole pool gave it, whenever
 * it is there.
 */
export class BaselineContestant implements Contestant {
  readonly #clock: SimulatedClock;
  readonly #events: SwarmEvents;
  readonly #arrivals = new ArrivalRate(60_000);
  readonly #servers = new Map<string, BaselineServer>();
  readonly #fixed: ReadonlyMap<string, Span> | undefined;
  #cancelPlan: (() => void) | undefined;

  /** @param pool given: `never`; undefined: `always` */
  constructor(
    clock: SimulatedClock,
    events: SwarmEvents,
    pool?: { readonly servers: readonly PoolServer[]; readonly ratePerSecond: number },
  ) {
    this.#clock = clock;
    this.#events = events;
    if (pool !== undefined) this.#fixed = planFor(pool.servers.map(toServer), pool.ratePerSecond);
  }

  join(server: PoolServer): void {
    this.#servers.set(server.id, {
      server: toServer(server),
      hosted: undefined,
      isReady: false,
      cancelLoad: () => undefined,
    });
    const span = this.#fixed?.get(server.id);
    if (this.#fixed === undefined) this.#planSoon();
    else if (span !== undefined) this.#order(server.id, span);
  }

  leave(server: PoolServer): void {
    this.#servers.get(server.id)?.cancelLoad();
    this.#servers.delete(server.id);
    this.#tellChains();
    if (this.#fixed === undefined) this.#planSoon();
  }

  arrived(): void {
    this.#arrivals.arrived(this.#clock.nowMs());
  }

  stop(): void {
    this.#cancelPlan?.();
  }

  #planSoon(): void {
    this.#cancelPlan?.();
    this.#cancelPlan = this.#clock.setTimer(DEBOUNCE_MS, () => {
      const servers = [...this.#servers.values()].map(({ server }) => server).sort((a, b) => (a.id < b.id ? -1 : 1));
      const rate = Math.max(0.05, this.#arrivals.perSecond(this.#clock.nowMs()));
      for (const [serverId, span] of planFor(servers, rate)) this.#order(serverId, span);
      this.#tellChains();
    });
  }

  #order(serverId: string, span: Span): void {
    const server = this.#servers.get(serverId);
    if (server === undefined || (server.hosted !== undefined && isSameSpan(server.hosted, span))) return;
    this.#events.spanChanged(serverId);
    server.cancelLoad();
    const blocks = countNewBlocks(server.hosted, span);
    server.hosted = span;
    server.isReady = false;
    server.cancelLoad = this.#clock.setTimer(blocks * LOAD_MS_PER_BLOCK, () => {
      server.isReady = true;
      this.#tellChains();
      this.#events.loadEnded(serverId);
    });
  }

  #tellChains(): void {
    const ready = [...this.#servers.values()]
      .filter((one) => one.isReady)
      .sort((a, b) => (a.server.id < b.server.id ? -1 : 1));
    const hosted = ready.flatMap(({ server, hosted: span }) =>
      span === undefined ? [] : [{ serverId: server.id, ...span }],
    );
    const { chains, serverSlots } = composeLiveChains(
      BLOOM,
      ready.map(({ server }) => server),
      hosted,
    );
    this.#events.chainsChanged(chains, serverSlots);
  }
}

function toServer(server: PoolServer): Server {
  return plannableServer({ serverId: server.id, memoryBytes: server.memoryBytes, speeds: server.speeds }, TERMS);
}

/** Empty when the servers cannot hold the model. */
function planFor(servers: readonly Server[], arrivalRatePerSecond: number): ReadonlyMap<string, Span> {
  if (servers.length === 0) return new Map();
  const plan = makePlan({
    model: BLOOM,
    servers,
    arrivalRatePerSecond,
    maxLoad: 0.7,
    placementPolicy: 'gbp-cr-fill',
    objective: 'lower',
  });
  return plan.kind === 'feasible' ? new Map(plan.placement.map((span) => [span.serverId, span])) : new Map();
}
