import type { Membership } from '../../domain/membership/membership.ts';
import type { Chain } from '../../domain/model/chain.ts';
import type { Job, Priority, TenantLimit } from '../../domain/model/job.ts';
import type { TokenWorkload } from '../../domain/planning/service-times.ts';
import type { Clock } from '../ports/clock.ts';

export interface JobDescriptionOptions {
  /** Prompt plus output of one request, tokens. */
  readonly sessionTokens: number;
  /** Reservations are whole multiples of it, tokens >= 1. */
  readonly granularityTokens: number;
  /** The request that plans are made for: size 1. */
  readonly typicalWorkload: TokenWorkload;
  /** Fixed cost of one message to a server beside its round trip, seconds. */
  readonly overheadSeconds: number;
  /** How long a request without a deadline of its own may wait for its turn, and one with a deadline at most, ms. */
  readonly maxWaitMs: number;
}

/** What the scheduler must know of a request. */
export interface JobWish {
  readonly id: string;
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  /** From now, ms; undefined: the request names none. */
  readonly deadlineMs: number | undefined;
  readonly priority: Priority;
  readonly tenant: string;
  readonly limit?: TenantLimit | undefined;
}

/** Turns requests into jobs: what they reserve, how long they are likely to take, until when they may wait. */
export class JobDescriptions {
  readonly #clock: Clock;
  readonly #options: JobDescriptionOptions;
  /** Seconds of one token on the fastest chain; until there is one a token is a token. */
  #perInputToken = 1;
  #perOutputToken = 1;

  constructor(clock: Clock, options: JobDescriptionOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Sizes are told by the speeds of the fastest chain from now on. */
  chainsChanged(chains: readonly Chain[], members: Pick<Membership, 'get'>): void {
    const [fastest] = chains;
    if (fastest === undefined) return;
    let perInput = 0;
    let perOutput = 0;
    for (const { serverId, blockCount } of fastest.hops) {
      const speeds = members.get(serverId)?.speeds;
      if (speeds === undefined) return;
      perInput += blockCount * speeds.prefillSecondsPerTokenPerBlock;
      perOutput += blockCount * (speeds.overheadSecondsPerBlock + speeds.decodeSecondsPerTokenPerBlock);
      perOutput += speeds.rttSeconds + this.#options.overheadSeconds;
    }
    if (!(perOutput > 0)) return;
    this.#perInputToken = perInput;
    this.#perOutputToken = perOutput;
  }

  describe(wish: JobWish): Job {
    const { id, inputTokens, maxOutputTokens, deadlineMs, priority, tenant, limit } = wish;
    const { typicalWorkload, maxWaitMs } = this.#options;
    return {
      id,
      deadlineMs: this.#clock.nowMs() + Math.min(deadlineMs ?? maxWaitMs, maxWaitMs),
      isUrgent: deadlineMs !== undefined,
      tokens: this.#reservation(inputTokens + maxOutputTokens),
      size:
        this.#seconds(inputTokens, maxOutputTokens) /
        this.#seconds(typicalWorkload.inputTokens, typicalWorkload.outputTokens),
      priority,
      tenant,
      limit,
    };
  }

  #reservation(tokens: number): number {
    const { granularityTokens, sessionTokens } = this.#options;
    return Math.min(sessionTokens, Math.ceil(tokens / granularityTokens) * granularityTokens);
  }

  #seconds(inputTokens: number, outputTokens: number): number {
    return inputTokens * this.#perInputToken + outputTokens * this.#perOutputToken;
  }
}
