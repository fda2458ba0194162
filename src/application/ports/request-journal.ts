import type { RequestOutcome } from './telemetry.ts';

/** Where the time of recent requests went. Holds requests under way and a bounded number of finished ones. */
export interface RequestJournal {
  /** The request with this id (the latest one where clients reused it); undefined: unknown or forgotten. */
  find(requestId: string): RequestTimes | undefined;
}

export interface RequestTimes {
  readonly requestId: string;
  readonly modelId: string;
  /** Undefined while it is queued or runs. */
  readonly outcome: RequestOutcome | undefined;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Seconds since it arrived, or from arrival to its end. */
  readonly totalSeconds: number;
  /** From arrival to a slot; undefined while it waits, or when it never got one. */
  readonly queueSeconds: number | undefined;
  /** From arrival to the first token. */
  readonly firstTokenSeconds: number | undefined;
  /** The chains it ran on, in turn: more than one after a failover. */
  readonly chains: readonly ChainTimes[];
}

export interface ChainTimes {
  readonly chainId: string;
  /** Seconds from the request's arrival to its start on this chain. */
  readonly startedAfterSeconds: number;
  /** In the order of the blocks. */
  readonly hops: readonly HopTimes[];
}

export interface HopTimes {
  readonly serverId: string;
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly steps: number;
  /** Waiting for the server's answers, all steps together, and what of it the server says it computed. */
  readonly roundTripSeconds: number;
  readonly computeSeconds: number;
}
