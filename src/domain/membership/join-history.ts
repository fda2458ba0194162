interface PastJoin {
  readonly atMs: number;
  readonly address: string;
}

export interface JoinHistoryOptions {
  /** Joins of one server within the window that are still calm, >= 1. */
  readonly limit: number;
  /** ms > 0 */
  readonly windowMs: number;
  /** Server ids remembered at most. */
  readonly capacity: number;
}

/**
 * calm: joins now and then. flapping: joined again and again. contested: joined again and again, from
 * addresses that take turns, so that two agents use one id.
 */
export type JoinPattern = 'calm' | 'flapping' | 'contested';

/** When each server joined of late: tells servers that come and go from those that stay. */
export class JoinHistory {
  readonly #options: JoinHistoryOptions;
  /** The latest joins of each id, oldest first; ids in the order of their latest join. */
  readonly #joins = new Map<string, readonly PastJoin[]>();

  constructor(options: JoinHistoryOptions) {
    this.#options = options;
  }

  /** What a join now would make of the server's pattern. */
  patternWith(serverId: string, address: string, nowMs: number): JoinPattern {
    const joins = [...this.#recent(serverId, nowMs), { atMs: nowMs, address }];
    if (joins.length <= this.#options.limit) return 'calm';
    // A restarted agent takes a new address and never an old one again; two agents take turns.
    const isContested = joins.some(
      (join, i) =>
        join.address !== joins[i - 1]?.address &&
        joins.slice(0, Math.max(0, i - 1)).some((past) => past.address === join.address),
    );
    return isContested ? 'contested' : 'flapping';
  }

  noteJoin(serverId: string, address: string, nowMs: number): void {
    const joins = [...this.#recent(serverId, nowMs), { atMs: nowMs, address }].slice(-this.#options.limit);
    this.#joins.delete(serverId);
    this.#joins.set(serverId, joins);
    const [oldest] = this.#joins.keys();
    if (this.#joins.size > this.#options.capacity && oldest !== undefined) this.#joins.delete(oldest);
  }

  #recent(serverId: string, nowMs: number): readonly PastJoin[] {
    return (this.#joins.get(serverId) ?? []).filter((join) => nowMs - join.atMs < this.#options.windowMs);
  }
}
