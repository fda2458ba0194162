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
  /** Between tokens, while the client had not asked for the next one: its own share of the time. */
  readonly clientSeconds: number;
  /** The chains it ran on, in turn: more than one after a failover. */
  readonly chains: readonly ChainTimes[];
}

export interface ChainTimes {
  readonly chainId: string;
  /** Why this chain: JFFC takes the fastest one with a free slot. Undefined where the order is not known. */
  readonly choice: ChainChoice | undefined;
  /** Seconds from the request's arrival to its start on this chain. */
  readonly startedAfterSeconds: number;
  /** Reserving the caches at every hop; undefined while that lasts, or where it failed. */
  readonly openingSeconds: number | undefined;
  /** From then to the first token of this chain: the prompt's way through it. */
  readonly prefillSeconds: number | undefined;
  /** From its first to its last token. */
  readonly decodeSeconds: number | undefined;
  /** Output tokens generated on it. */
  readonly tokens: number;
  /** In the order of the blocks. */
  readonly hops: readonly HopTimes[];
}

export interface ChainChoice {
  /** Chains by planned service time: 1 is the fastest. The faster ones had no free slot. */
  readonly position: number;
  /** How many chains there were to choose from. */
  readonly chainCount: number;
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
