import type { Membership } from '../../domain/membership/membership.ts';
import type { Chain } from '../../domain/model/chain.ts';
import { stepSeconds } from '../../domain/planning/service-times.ts';
import { type ChunkBounds, prefillChunkTokens } from '../../domain/scheduling/prefill-chunk.ts';

/** How long the pieces of prompts are, by the servers that they go to and the sessions that generate tokens there. */
export class PrefillPieces {
  readonly #members: Pick<Membership, 'get'>;
  readonly #bounds: ChunkBounds;
  /** Sessions that generate tokens, by server; servers without any are absent. */
  readonly #generating = new Map<string, number>();

  constructor(members: Pick<Membership, 'get'>, bounds: ChunkBounds) {
    this.#members = members;
    this.#bounds = bounds;
  }

  /** A session's prompt is processed: from now on it generates tokens. @returns to be called once, when it ends */
  generates(chain: Chain): () => void {
    this.#count(chain, 1);
    return () => this.#count(chain, -1);
  }

  /** Tokens of the next piece of a prompt of which `tokens` are left, >= 1. O(hops) */
  nextPiece(chain: Chain, tokens: number): number {
    let generating = 0;
    const hops = chain.hops.flatMap(({ serverId, blockCount }) => {
      generating = Math.max(generating, this.#generating.get(serverId) ?? 0);
      const speeds = this.#members.get(serverId)?.speeds;
      if (speeds === undefined) return [];
      const timed = { ...speeds, overheadSeconds: 0 };
      const prefillSeconds = blockCount * speeds.prefillSecondsPerTokenPerBlock;
      return [{ prefillSeconds, tokenSeconds: stepSeconds(timed, blockCount, 1, false) }];
    });
    return prefillChunkTokens({ tokens, hops, generating }, this.#bounds);
  }

  #count({ hops }: Chain, by: 1 | -1): void {
    for (const serverId of new Set(hops.map((hop) => hop.serverId))) {
      const sessions = (this.#generating.get(serverId) ?? 0) + by;
      if (sessions > 0) this.#generating.set(serverId, sessions);
      else this.#generating.delete(serverId);
    }
  }
}
