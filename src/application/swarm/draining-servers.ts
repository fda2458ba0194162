import type { Clock } from '../ports/clock.ts';

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
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #isIdle: (serverId: string) => boolean;
  readonly #release: (serverId: string, incarnation: number, isIdle: boolean) => void;
  readonly #draining = new Map<string, Draining>();

  /** @param release tells a server that it may go; once for each   @param graceMs how long running requests may take */
  constructor(
    clock: Clock,
    graceMs: number,
    isIdle: (serverId: string) => boolean,
    release: (serverId: string, incarnation: number, isIdle: boolean) => void,
  ) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#isIdle = isIdle;
    this.#release = release;
  }

  begin(serverId: string, incarnation: number): void {
    if (this.#draining.get(serverId)?.incarnation === incarnation) return;
    this.forget(serverId);
    const cancelTimer = this.#clock.setTimer(this.#graceMs, () => this.#end(serverId));
    this.#draining.set(serverId, { incarnation, cancelTimer });
    this.releaseIdle();
  }

  /** To be called whenever a running request has ended. O(draining servers) */
  releaseIdle(): void {
    for (const serverId of [...this.#draining.keys()]) if (this.#isIdle(serverId)) this.#end(serverId);
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
    this.#release(serverId, draining.incarnation, this.#isIdle(serverId));
  }
}
