import { type Member, phaseOf } from '../../domain/membership/member.ts';
import type { Hop } from '../../domain/model/chain.ts';
import type { Span } from '../../domain/model/span.ts';
import { findReplacementRoute } from '../../domain/planning/replacement-route.ts';
import { plannableServer, type ServiceTimeTerms } from './member-state.ts';

/**
 * The fastest servers that serve the blocks now and have cache for a running job.
 * @param members sorted by id   @param freeBlocksAt blocks for which a server has cache for the job
 */
export function findReplacementHops(
  members: readonly Member[],
  terms: ServiceTimeTerms,
  blocks: Span,
  freeBlocksAt: (serverId: string) => number,
): readonly Hop[] | undefined {
  const servers = members.flatMap((member) => {
    if (member.ready === undefined || phaseOf(member) !== 'serving') return [];
    const freeBlocks = freeBlocksAt(member.serverId);
    return freeBlocks > 0 ? [{ ...plannableServer(member, terms), hosted: member.ready, freeBlocks }] : [];
  });
  return findReplacementRoute(blocks, servers);
}
