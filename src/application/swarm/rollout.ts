import type { Member } from '../../domain/membership/member.ts';
import { phaseOf } from '../../domain/membership/member.ts';
import type { PlacedSpan } from '../../domain/model/placement.ts';
import { chooseWave } from '../../domain/planning/rollout-wave.ts';

/** How much the newest load weighs in the mean time of loading a block. */
const NEWEST_WEIGHT = 0.3;

/** Until a load was measured. */
const FIRST_SECONDS_PER_BLOCK = 1;

/**
 * The moves of a plan that are not ordered yet, and how long servers took to load. Make before break:
 * `nextWave` lets a serving server go only while others serve its blocks, a few at a time.
 */
export class Rollout {
  readonly #pending = new Map<string, PlacedSpan>();
  readonly #loading = new Map<string, { readonly blocks: number; readonly sinceMs: number }>();
  #secondsPerBlock = FIRST_SECONDS_PER_BLOCK;

  get secondsPerBlock(): number {
    return this.#secondsPerBlock;
  }

  /** Moves still to come. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  isPending(serverId: string): boolean {
    return this.#pending.has(serverId);
  }

  /** A new plan's moves take the place of what an older plan still wanted. */
  begin(moves: readonly PlacedSpan[]): void {
    this.#pending.clear();
    for (const move of moves) this.#pending.set(move.serverId, move);
  }

  /** What to order now; each move is given out once. Moves of servers that have gone are dropped. */
  nextWave(members: readonly Member[], blockCount: number, limit: number): readonly PlacedSpan[] {
    if (this.#pending.size === 0) return [];
    const eligible = new Set(
      members.filter((member) => member.exclusion === undefined && !member.isDraining).map((member) => member.serverId),
    );
    for (const id of this.#pending.keys()) if (!eligible.has(id)) this.#pending.delete(id);
    const serving = members.filter((member) => phaseOf(member) === 'serving' && member.ready !== undefined);
    const loading = members.filter((member) => phaseOf(member) === 'loading').length;
    const wave = chooseWave({
      blockCount,
      serving: serving.map((member) => ({
        serverId: member.serverId,
        firstBlock: member.ready?.firstBlock ?? 0,
        blockCount: member.ready?.blockCount ?? 0,
      })),
      pending: [...this.#pending.values()],
      loading,
      limit,
    });
    for (const move of wave) this.#pending.delete(move.serverId);
    // What cannot be done without taking blocks out of service, and waits for nothing, is given up.
    if (wave.length === 0 && loading === 0) this.#pending.clear();
    return wave;
  }

  loadBegan(serverId: string, blocks: number, nowMs: number): void {
    if (blocks > 0) this.#loading.set(serverId, { blocks, sinceMs: nowMs });
    else this.#loading.delete(serverId);
  }

  loadEnded(serverId: string, nowMs: number): void {
    const load = this.#loading.get(serverId);
    if (load === undefined) return;
    this.#loading.delete(serverId);
    const seconds = (nowMs - load.sinceMs) / 1000 / load.blocks;
    this.#secondsPerBlock += NEWEST_WEIGHT * (seconds - this.#secondsPerBlock);
  }

  /** Servers whose loads are measured now. */
  loadingServers(): readonly string[] {
    return [...this.#loading.keys()];
  }

  /** It can only begin now. */
  loadPostponed(serverId: string, nowMs: number): void {
    const load = this.#loading.get(serverId);
    if (load !== undefined) this.#loading.set(serverId, { ...load, sinceMs: nowMs });
  }

  forget(serverId: string): void {
    this.#pending.delete(serverId);
    this.#loading.delete(serverId);
  }
}
