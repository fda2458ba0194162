import type { Clock } from '../../src/application/ports/clock.ts';
import type { Chain } from '../../src/domain/model/chain.ts';
import type { JobFlow } from './job-flow.ts';

/** What happens in one run, counted. */
export class SwarmEvents {
  readonly #clock: Clock;
  readonly #jobs: JobFlow;
  /** Servers that joined and have not been told a span since: their first one is no move. */
  readonly #fresh = new Set<string>();
  #isCounting = false;
  events = 0;
  /** Spans that servers changed which neither joined nor left. */
  movedSpans = 0;
  /** Time without any chain. */
  #darkMs = 0;
  /** Of that, while the servers present had memory for every block and none of them was loading any. */
  #avoidableMs = 0;
  readonly #loading = new Set<string>();
  #sinceMs = 0;
  #hasChains = false;
  #couldServe = false;

  constructor(clock: Clock, jobs: JobFlow) {
    this.#clock = clock;
    this.#jobs = jobs;
  }

  get darkSeconds(): number {
    return this.#darkMs / 1000;
  }

  get avoidableSeconds(): number {
    return this.#avoidableMs / 1000;
  }

  /** The first servers have loaded: from now on everything counts. */
  begin(): void {
    this.#tick();
    this.#isCounting = true;
  }

  joined(serverId: string): void {
    this.#fresh.add(serverId);
    if (this.#isCounting) this.events += 1;
  }

  left(serverId: string): void {
    this.loadEnded(serverId);
    this.#fresh.delete(serverId);
    if (this.#isCounting) this.events += 1;
    this.#jobs.serverLost(serverId);
  }

  /** Whether the servers that are there now have memory for every block. */
  capacityChanged(couldServe: boolean): void {
    this.#tick();
    this.#couldServe = couldServe;
  }

  loadEnded(serverId: string): void {
    this.#tick();
    this.#loading.delete(serverId);
  }

  /** A server was told other blocks than it has, and loads them. */
  spanChanged(serverId: string): void {
    this.#tick();
    this.#loading.add(serverId);
    if (this.#fresh.delete(serverId)) return;
    if (this.#isCounting) this.movedSpans += 1;
  }

  chainsChanged(chains: readonly Chain[], serverSlots: ReadonlyMap<string, number>): void {
    this.#tick();
    this.#hasChains = chains.length > 0;
    this.#jobs.adopt(chains, serverSlots);
  }

  end(): void {
    this.#tick();
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#isCounting && !this.#hasChains) {
      this.#darkMs += nowMs - this.#sinceMs;
      if (this.#couldServe && this.#loading.size === 0) this.#avoidableMs += nowMs - this.#sinceMs;
    }
    this.#sinceMs = nowMs;
  }
}
