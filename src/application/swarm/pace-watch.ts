import { ServerPaces } from '../../domain/membership/server-paces.ts';
import type { ServedHop } from '../requests/chain-access.ts';
import { expectedDecodeSeconds, type ServiceTimeTerms } from './member-state.ts';
import type { SwarmDependencies } from './swarm-parts.ts';

/** A server whose measured pace differs by more than this factor from the one reckoned with is looked at anew. */
const PACE_STEP = 1.25;

/** Fewer generated tokens than this say little about a server's speed. */
const MIN_STEPS = 4;

/** Compares what servers take for their hops with what they declared, and tells when plans should know. */
export class PaceWatch {
  readonly #deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'log'>;
  readonly #paces: ServerPaces;

  constructor(deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'log'>, serverLimit: number) {
    this.#deps = deps;
    this.#paces = new ServerPaces(serverLimit);
  }

  /** One request's hops. @returns as `apply`, for their servers */
  measured(hops: readonly ServedHop[], terms: ServiceTimeTerms): boolean {
    const { membership, clock } = this.#deps;
    for (const { serverId, blockCount, steps, roundTripSeconds, others } of hops) {
      const member = membership.get(serverId);
      if (member === undefined || steps < MIN_STEPS) continue;
      const expected = expectedDecodeSeconds(member, terms, blockCount, steps, others);
      this.#paces.measured(serverId, roundTripSeconds, expected, clock.nowMs());
    }
    return this.apply(hops.map((hop) => hop.serverId));
  }

  /**
   * Lets plans and chains reckon with the measured paces of servers that are much slower or faster than
   * reckoned with. @returns whether there was one
   */
  apply(serverIds: readonly string[]): boolean {
    const { membership, clock, log } = this.#deps;
    let isChanged = false;
    for (const serverId of serverIds) {
      const member = membership.get(serverId);
      const pace = this.#paces.paceOf(serverId, clock.nowMs());
      if (member === undefined || Math.max(pace / member.pace, member.pace / pace) < PACE_STEP) continue;
      membership.setPace(serverId, pace);
      log('server pace changed', { serverId, before: member.pace, pace });
      isChanged = true;
    }
    return isChanged;
  }

  /** The same for all members, however small the difference: when a plan is made anyway. */
  applyAll(): void {
    const { membership, clock } = this.#deps;
    for (const { serverId } of membership.members())
      membership.setPace(serverId, this.#paces.paceOf(serverId, clock.nowMs()));
  }
}
