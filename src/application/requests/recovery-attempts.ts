import type { DispatcherError } from '../../domain/shared/errors.ts';

/** First pause before a server that had no room is asked again, doubled each time up to the longest, ms. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Want of room or of blocks, or a hop that ended because of another one: nobody's fault, so it is waited
 * out and not counted.
 */
const REFUSALS: ReadonlySet<string> = new Set(['DSP_CACHE_FULL', 'DSP_SPAN_NOT_HOSTED', 'DSP_CANCELLED']);

/** After these the same server may well go on: its connection, or the hop before it, was lost. */
const RETRIED: ReadonlySet<string> = new Set(['DSP_SERVER_LOST', 'DSP_CANCELLED']);

/** Whether a hop said no, or ended, without a fault of its own. */
export function isRefusal(error: DispatcherError): boolean {
  return REFUSALS.has(error.code);
}

/** What one request has gone through with servers: how many failed it, which to avoid, how long it may wait. */
export class RecoveryAttempts {
  readonly #limit: number;
  readonly #counted = new WeakSet<DispatcherError>();
  /** Servers that failed this request: not asked again. */
  readonly #failed = new Set<string>();
  /** Servers that refused since the last rows came. */
  readonly #refused = new Set<string>();
  readonly #retried = new Set<string>();
  /** Reopened after another hop was lost, since the last rows came. */
  readonly #reopened = new Set<string>();
  #failures = 0;
  #refusals = 0;
  #untilMs: number | undefined;
  #last: DispatcherError | undefined;

  /** @param limit failures that are outlived, >= 0 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get isExhausted(): boolean {
    return this.#failures > this.#limit;
  }

  /** Whether one more failure ends the request. */
  get isLast(): boolean {
    return this.#failures >= this.#limit;
  }

  /** The latest failure or refusal that was counted. */
  get last(): DispatcherError | undefined {
    return this.#last;
  }

  isAvoided(serverId: string): boolean {
    return this.#failed.has(serverId) || this.#refused.has(serverId);
  }

  /**
   * Whether the server is worth another try before anything is held against it: a connection may be lost
   * though the server is well. Once for each server; after the loss of another hop, once until rows come.
   */
  mayRetrySame(error: DispatcherError): boolean {
    const { code, serverId } = error;
    if (this.#limit === 0) return false;
    if (serverId === undefined || !RETRIED.has(code) || this.#counted.has(error) || this.isAvoided(serverId))
      return false;
    const tried = code === 'DSP_SERVER_LOST' ? this.#retried : this.#reopened;
    if (tried.has(serverId)) return false;
    tried.add(serverId);
    return true;
  }

  /** Takes a failure into account. @returns false for one that was counted, or that no server caused */
  count(error: DispatcherError): boolean {
    if (this.#counted.has(error) || error.serverId === undefined) return false;
    this.#counted.add(error);
    this.#last = error;
    if (isRefusal(error)) {
      this.#refused.add(error.serverId);
      this.#refusals += 1;
    } else {
      this.#failed.add(error.serverId);
      this.#failures += 1;
    }
    return true;
  }

  /** Until when the request may be without a chain: `maxWaitMs` from its first loss since rows last came. */
  waitUntil(nowMs: number, maxWaitMs: number): number {
    this.#untilMs ??= nowMs + maxWaitMs;
    return this.#untilMs;
  }

  /** Before the next server is asked: 0 unless servers refused lately. */
  pauseMs(): number {
    if (this.#refusals === 0) return 0;
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#refusals - 1));
  }

  /** Rows came. */
  progressed(): void {
    this.#reopened.clear();
    if (this.#untilMs === undefined && this.#refusals === 0) return;
    this.#untilMs = undefined;
    this.#refusals = 0;
    this.#refused.clear();
  }
}
