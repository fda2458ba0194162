import type { Membership } from '../../domain/membership/membership.ts';
import { ServerBacklogs } from '../../domain/membership/server-backlogs.ts';
import { oneWaySeconds, stepSeconds } from '../../domain/planning/service-times.ts';
import type { LoadedStep, ServerLoad } from '../ports/chain-transport.ts';
import type { Clock } from '../ports/clock.ts';

const UNKNOWN: LoadedStep = { aheadSeconds: 0, ended: () => undefined };

/** What every server still has to do for all sessions together, by the speeds that are reckoned with. */
export class StepLoads implements ServerLoad {
  readonly #backlogs = new ServerBacklogs();
  readonly #members: Pick<Membership, 'get'>;
  readonly #clock: Clock;
  readonly #overheadSeconds: number;

  /** @param overheadSeconds fixed cost of one message to a server beside its round trip */
  constructor(members: Pick<Membership, 'get'>, clock: Clock, overheadSeconds: number) {
    this.#members = members;
    this.#clock = clock;
    this.#overheadSeconds = overheadSeconds;
  }

  sent(serverId: string, blockCount: number, tokens: number): LoadedStep {
    const member = this.#members.get(serverId);
    if (member === undefined) return UNKNOWN;
    const speeds = { ...member.speeds, overheadSeconds: this.#overheadSeconds };
    const workSeconds = member.pace * stepSeconds(speeds, blockCount, tokens, tokens > 1);
    const travelSeconds = oneWaySeconds(speeds, tokens, 0);
    return {
      aheadSeconds: this.#backlogs.sent(serverId, travelSeconds, workSeconds, this.#clock.nowMs()),
      ended: () => this.#backlogs.ended(serverId, workSeconds, this.#clock.nowMs()),
    };
  }
}
