import { ServerPaces } from '../../domain/membership/server-paces.ts';
import { ServerSlopes } from '../../domain/membership/server-slopes.ts';
import type { ServedHop } from '../requests/chain-access.ts';
import { expectedDecodeSeconds, type ServiceTimeTerms } from './member-state.ts';
import type { SwarmDependencies } from './swarm-parts.ts';

/** A server whose measured pace differs by more than this factor from the one reckoned with is looked at anew. */
const PACE_STEP = 1.25;

/** The same for the share of a step that others wait for. */
const SLOPE_STEP = 0.2;

/** Fewer generated tokens than this say little about a server's speed. */
const MIN_STEPS = 4;

/** Compares what servers take for their hops with what they declared, and tells when plans should know. */
export class PaceWatch {
  readonly #deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'log'>;
  readonly #paces: ServerPaces;
  readonly #slopes: ServerSlopes;

  constructor(deps: Pick<SwarmDependencies, 'membership' | 'clock' | 'log'>, serverLimit: number) {
    this.#deps = deps;
    this.#paces = new ServerPaces(serverLimit);
    this.#slopes = new ServerSlopes(serverLimit);
  }

  /** One request's hops. @returns as `apply`, for their servers */
  measured(hops: readonly ServedHop[], terms: ServiceTimeTerms): boolean {
    const { membership, clock } = this.#deps;
    for (const { serverId, blockCount, steps, roundTripSeconds, aheadSeconds } of hops) {
      const member = membership.get(serverId);
      if (member === undefined || steps < MIN_STEPS) continue;
      const expected = {
        aloneSeconds: steps * expectedDecodeSeconds(member, terms, blockCount),
        aheadSeconds: aheadSeconds / member.pace,
      };
      const declared = member.speeds.concurrencySlope;
      this.#slopes.measured(serverId, roundTripSeconds, expected, declared);
      const slope = this.#slopes.slopeOf(serverId) ?? declared;
      const expectedSeconds = expected.aloneSeconds + slope * expected.aheadSeconds;
      this.#paces.measured(serverId, roundTripSeconds, expectedSeconds, clock.nowMs());
    }
    return this.apply(hops.map((hop) => hop.serverId));
  }

  /**
   * Lets plans and chains reckon with the measured paces and slopes of servers that differ much from what
   * is reckoned with. @returns whether there was one
   */
  apply(serverIds: readonly string[]): boolean {
    const { membership, log } = this.#deps;
    let isChanged = false;
    for (const serverId of serverIds) {
      const member = membership.get(serverId);
      if (member === undefined) continue;
      const { pace, slope } = this.#measuredOf(serverId);
      const before = { pace: member.pace, slope: member.measuredSlope ?? member.speeds.concurrencySlope };
      const isFarPace = Math.max(pace / before.pace, before.pace / pace) >= PACE_STEP;
      if (!isFarPace && Math.abs((slope ?? before.slope) - before.slope) < SLOPE_STEP) continue;
      membership.setMeasured(serverId, { pace, slope });
      log('server pace changed', { serverId, before: before.pace, pace, slope: slope ?? before.slope });
      isChanged = true;
    }
    return isChanged;
  }

  /** The same for all members, however small the difference: when a plan is made anyway. */
  applyAll(): void {
    const { membership } = this.#deps;
    for (const { serverId } of membership.members()) membership.setMeasured(serverId, this.#measuredOf(serverId));
  }

  #measuredOf(serverId: string): { readonly pace: number; readonly slope: number | undefined } {
    return { pace: this.#paces.paceOf(serverId, this.#deps.clock.nowMs()), slope: this.#slopes.slopeOf(serverId) };
  }
}
