/** A job's hold on a server: so many slots until two ends, the one the router believes and the true one. */
interface Hold {
  readonly slots: number;
  readonly believedEndSeconds: number;
  readonly endSeconds: number;
}

export type LedgerClock = 'believed' | 'actual';

/** What runs on each server, as a router without a central queue sees it and as it is. */
export class JobLedger {
  readonly #slots: ArrayLike<number>;
  readonly #holds: Hold[][];

  /** @param slots n_j: slots of each server */
  constructor(slots: ArrayLike<number>) {
    this.#slots = slots;
    this.#holds = Array.from({ length: slots.length }, () => []);
  }

  hold(server: number, hold: Hold): void {
    this.#holds[server]?.push(hold);
  }

  /** Jobs that the router believes to be on a server. */
  believedJobs(server: number, nowSeconds: number): number {
    return this.#holdsOf(server, nowSeconds).filter((hold) => hold.believedEndSeconds > nowSeconds).length;
  }

  /** Slots that the router believes to be free; negative when waiting jobs hold more than there are. */
  believedFreeSlots(server: number, nowSeconds: number): number {
    return this.#holdsOf(server, nowSeconds).reduce(
      (free, hold) => (hold.believedEndSeconds > nowSeconds ? free - hold.slots : free),
      this.#slots[server] ?? 0,
    );
  }

  /** Seconds until `slots` slots are free, when holds end at the times of the clock; 0 when they are now. */
  secondsUntilFree(server: number, slots: number, nowSeconds: number, clock: LedgerClock): number {
    const endOf = (hold: Hold): number => (clock === 'believed' ? hold.believedEndSeconds : hold.endSeconds);
    const running = this.#holdsOf(server, nowSeconds).filter((hold) => endOf(hold) > nowSeconds);
    let free = running.reduce((sum, hold) => sum - hold.slots, this.#slots[server] ?? 0);
    if (free >= slots) return 0;
    for (const hold of running.sort((a, b) => endOf(a) - endOf(b))) {
      free += hold.slots;
      if (free >= slots) return endOf(hold) - nowSeconds;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Holds that have not ended on both clocks; the others are dropped, so that lists stay short. */
  #holdsOf(server: number, nowSeconds: number): Hold[] {
    const holds = (this.#holds[server] ?? []).filter(
      (hold) => hold.believedEndSeconds > nowSeconds || hold.endSeconds > nowSeconds,
    );
    this.#holds[server] = holds;
    return [...holds];
  }
}
