import { isLoading, type Member } from '../../domain/membership/member.ts';
import type { PlacedSpan } from '../../domain/model/placement.ts';
import { countNewBlocks, isSameSpan, type Span } from '../../domain/model/span.ts';
import type { MemberLinks } from './member-links.ts';
import { Rollout } from './rollout.ts';
import type { SwarmDependencies } from './swarm-parts.ts';

/** Tells servers what to host: the moves of a plan, in waves, and what they have anyway. */
export class SpanOrders {
  readonly #deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'telemetry' | 'model' | 'dispatcher'>;
  readonly #links: MemberLinks;
  readonly #movesAtOnce: number;
  readonly #rollout = new Rollout();
  /** Loading servers that ran requests when last looked at. */
  readonly #busy = new Set<string>();
  #epoch = 0;
  /** A plan's moves are under way. */
  #isRollingOut = false;

  constructor(
    deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'telemetry' | 'model' | 'dispatcher'>,
    links: MemberLinks,
    movesAtOnce: number,
  ) {
    this.#deps = deps;
    this.#links = links;
    this.#movesAtOnce = movesAtOnce;
  }

  /** As measured, or the prior. */
  get secondsPerBlock(): number {
    return this.#rollout.secondsPerBlock;
  }

  get pendingMoves(): number {
    return this.#rollout.pendingCount;
  }

  /** A plan's moves take the place of those that an older plan still wanted. */
  begin(epoch: number, moves: readonly PlacedSpan[]): void {
    this.#epoch = epoch;
    this.#rollout.begin(moves);
    this.#isRollingOut = moves.length > 0;
  }

  /**
   * Servers that were not told anything yet, and for which no move is to come, are told to keep what they
   * joined with, with the cache that goes with it; or, where that is nothing, to hold nothing.
   */
  confirm(members: readonly Member[]): void {
    for (const member of members) {
      if (member.assigned !== undefined || this.#rollout.isPending(member.serverId)) continue;
      this.#order(member, member.ready ?? { firstBlock: 0, blockCount: 0 });
    }
  }

  /** Orders the next moves, as many as leave what serves in service. @returns true when the last one has just been done */
  continue(): boolean {
    const { membership, model } = this.#deps;
    const members = membership.members();
    for (const move of this.#rollout.nextWave(members, model.blockCount, this.#movesAtOnce)) {
      const member = membership.get(move.serverId);
      if (member !== undefined) this.#order(member, { firstBlock: move.firstBlock, blockCount: move.blockCount });
    }
    if (!this.#isRollingOut || this.#rollout.pendingCount > 0 || membership.members().some(isLoading)) return false;
    this.#isRollingOut = false;
    return true;
  }

  loadEnded(serverId: string): void {
    this.#rollout.loadEnded(serverId, this.#deps.clock.nowMs());
  }

  forget(serverId: string): void {
    this.#rollout.forget(serverId);
  }

  /**
   * A server that still runs requests on its old blocks may not have the memory to load new ones: its
   * time to load begins when they have ended. To be called when requests end and before times are up.
   */
  waitForSessions(): void {
    const { dispatcher, membership, clock } = this.#deps;
    const loading = new Set(this.#rollout.loadingServers());
    for (const serverId of this.#busy) if (!loading.has(serverId)) this.#busy.delete(serverId);
    for (const serverId of loading) {
      const isBusy = !dispatcher.isServerIdle(serverId);
      if (!isBusy && !this.#busy.has(serverId)) continue;
      membership.postponeLoad(serverId, clock.nowMs());
      this.#rollout.loadPostponed(serverId, clock.nowMs());
      if (isBusy) this.#busy.add(serverId);
      else this.#busy.delete(serverId);
    }
  }

  /** Tells a server its span, unless it was told exactly that already. */
  #order(member: Member, span: Span): void {
    const { membership, clock, telemetry, model } = this.#deps;
    if (member.assigned !== undefined && isSameSpan(member.assigned.span, span)) return;
    membership.assign(member.serverId, this.#epoch, span, clock.nowMs());
    const blocks = countNewBlocks(member.assigned?.span ?? member.ready, span);
    telemetry.blocksMoved(blocks);
    this.#rollout.loadBegan(member.serverId, blocks, clock.nowMs());
    this.waitForSessions();
    const left = member.memoryBytes - span.blockCount * model.blockBytes;
    const cacheBytes = span.blockCount === 0 ? 0 : Math.max(0, left);
    this.#links.of(member.serverId, member.incarnation)?.hostSpan({ epoch: this.#epoch, span, cacheBytes });
  }
}
