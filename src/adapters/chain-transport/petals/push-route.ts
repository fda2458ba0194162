import { setTimeout as sleep } from 'node:timers/promises';

/** How long a chain waits for its first pushes before it goes on without them, ms. */
const FIRST_PUSH_MS = 2_000;

/** How long servers whose pushes did not arrive are not asked to push again, ms. */
const DISTRUST_MS = 10 * 60_000;
const MAX_DISTRUSTED = 1_000;

/** Chains, by the addresses of their servers, over which pushes did not arrive. */
export class PushFailures {
  readonly #untilMs = new Map<string, number>();

  has(route: string): boolean {
    const untilMs = this.#untilMs.get(route);
    if (untilMs !== undefined && performance.now() < untilMs) return true;
    this.#untilMs.delete(route);
    return false;
  }

  add(route: string): void {
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size >= MAX_DISTRUSTED && oldest !== undefined) this.#untilMs.delete(oldest);
    this.#untilMs.set(route, performance.now() + DISTRUST_MS);
  }
}

/**
 * How the hops of one session agree on pushing: each server sends its output to the next one itself,
 * and the client, which gets every output too, only waits for it.
 *
 * Sessions open back to front, so that no push meets a server that does not know the session. PETALS
 * 2.2 pushes every message of a session that was opened so, in no guaranteed order between messages:
 * a step enters the chain when the one before it has left. Openings are pushed like steps, and that
 * tells whether pushes arrive at all.
 */
export class PushRoute {
  readonly #name: string;
  readonly #failures: PushFailures;
  readonly #isPushed: Promise<boolean>;
  readonly #opened: PromiseWithResolvers<void>[];
  readonly #allArrived = Promise.withResolvers<void>();
  #arrivalsLeft: number;
  #verdict: Promise<boolean> | undefined;
  readonly #waiting: (() => void)[] = [];
  readonly #onBroken = new Map<number, () => void>();
  #isBusy = false;
  #isBroken = false;

  /** @param decide whether every server is of a version that pushes so */
  constructor(addresses: readonly string[], failures: PushFailures, decide: () => Promise<boolean>) {
    this.#name = addresses.join(' ');
    this.#failures = failures;
    this.#isPushed = failures.has(this.#name) ? Promise.resolve(false) : decide().catch(() => false);
    this.#opened = addresses.map(() => Promise.withResolvers<void>());
    this.#arrivalsLeft = addresses.length;
  }

  isPushed(): Promise<boolean> {
    return this.#isPushed;
  }

  /** Resolves when the server after this one has opened its session; at once for the last one. */
  nextIsOpen(hop: number): Promise<void> {
    return this.#opened[hop + 1]?.promise ?? Promise.resolve();
  }

  opened(hop: number): void {
    this.#opened[hop]?.resolve();
  }

  /** Every opening that is pushed to one more of the hops has come through. */
  arrived(): void {
    this.#arrivalsLeft -= 1;
    if (this.#arrivalsLeft === 0) this.#allArrived.resolve();
  }

  /** Whether pushes arrive over the whole chain; decided once, `FIRST_PUSH_MS` after the first hop opened. */
  hasArrived(signal: AbortSignal): Promise<boolean> {
    this.#verdict ??= this.#judge(signal);
    return this.#verdict;
  }

  /** @param onBroken told, later, that no push will reach this hop any more */
  register(hop: number, onBroken: () => void): void {
    this.#onBroken.set(hop, onBroken);
  }

  /**
   * This hop is out of the route: those after it get no more pushes, and whether they got the latest
   * one cannot be known, so they have to be rebuilt as well. Those before it go on.
   */
  breakAt(hop: number): void {
    for (const [index, onBroken] of this.#onBroken) if (index > hop) queueMicrotask(onBroken);
    this.#isBroken = true;
    for (const write of this.#waiting.splice(0)) write();
  }

  /** Sends a step when the one before it has left the chain. */
  send(write: () => void): void {
    if (this.#isBroken) {
      write();
      return;
    }
    if (this.#isBusy) {
      this.#waiting.push(write);
      return;
    }
    this.#isBusy = true;
    write();
  }

  stepIsOver(): void {
    const next = this.#waiting.shift();
    this.#isBusy = next !== undefined;
    next?.();
  }

  /** A push seems to have been lost: the next sessions over these servers go without. */
  distrust(): void {
    this.#failures.add(this.#name);
  }

  async #judge(signal: AbortSignal): Promise<boolean> {
    await this.#opened[0]?.promise;
    const patience = new AbortController();
    const late = sleep(FIRST_PUSH_MS, false, { signal: AbortSignal.any([signal, patience.signal]) }).catch(() => false);
    const hasArrived = await Promise.race([this.#allArrived.promise.then(() => true), late]);
    patience.abort();
    if (!hasArrived && !signal.aborted) this.distrust();
    return hasArrived;
  }
}
