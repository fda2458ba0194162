import type { MemberLinks } from './member-links.ts';
import type { SwarmDependencies } from './swarm-parts.ts';

/** One server that is about to go. */
interface Draining {
  readonly incarnation: number;
  readonly cancelTimer: () => void;
}

/**
 * Servers that get no new work and may go once no running request uses them, or when their time is up.
 * Bounded by the members: each is forgotten with its stream.
 */
export class DrainingServers {
  readonly #deps: Pick<SwarmDependencies, 'clock' | 'dispatcher' | 'log'>;
  readonly #links: MemberLinks;
  readonly #graceMs: number;
  readonly #draining = new Map<string, Draining>();

  /** @param links through which a server is told that it may go   @param graceMs how long running requests may take */
  constructor(deps: Pick<SwarmDependencies, 'clock' | 'dispatcher' | 'log'>, links: MemberLinks, graceMs: number) {
    this.#deps = deps;
    this.#links = links;
    this.#graceMs = graceMs;
  }

  begin(serverId: string, incarnation: number): void {
    if (this.#draining.get(serverId)?.incarnation === incarnation) return;
    this.forget(serverId);
    const cancelTimer = this.#deps.clock.setTimer(this.#graceMs, () => this.#end(serverId));
    this.#draining.set(serverId, { incarnation, cancelTimer });
    this.releaseIdle();
  }

  /** To be called whenever a running request has ended. O(draining servers) */
  releaseIdle(): void {
    for (const serverId of [...this.#draining.keys()])
      if (this.#deps.dispatcher.isServerIdle(serverId)) this.#end(serverId);
  }

  /** Its stream ended. */
  forget(serverId: string): void {
    this.#draining.get(serverId)?.cancelTimer();
    this.#draining.delete(serverId);
  }

  stop(): void {
    for (const serverId of [...this.#draining.keys()]) this.forget(serverId);
  }

  #end(serverId: string): void {
    const draining = this.#draining.get(serverId);
    if (draining === undefined) return;
    this.forget(serverId);
    const { dispatcher, log } = this.#deps;
    const reason = dispatcher.isServerIdle(serverId) ? 'nothing runs on it' : 'its time to drain is up';
    log('server may go', { serverId, reason });
    this.#links.of(serverId, draining.incarnation)?.drained();
  }
}
