import type { ChainTransport, HistoryMemory, ServerLoad } from '../ports/chain-transport.ts';
import type { Clock } from '../ports/clock.ts';
import type { LanguageModel } from '../ports/language-model.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ChainAccess } from './chain-access.ts';
import type { JobDispatcher, Ticket } from './job-dispatcher.ts';
import type { PrefillPieces } from './prefill-pieces.ts';
import type { ProgressRule } from './progress-watch.ts';
import type { RequestRecord } from './request-record.ts';

export interface RecoveryOptions {
  /** Failures of servers that one request outlives, >= 0. */
  readonly maxAttempts: number;
  /** How long a request may be without a chain, ms >= 0. */
  readonly maxWaitMs: number;
  /** For what hops were fed, shared by all requests. */
  readonly memory: HistoryMemory;
  /** When a chain that answers in time is too slow all the same. */
  readonly progress: ProgressRule;
  /** Output of the typical request that chains' service times are reckoned for, tokens >= 1. */
  readonly typicalOutputTokens: number;
}

export interface ResilientChainDependencies {
  readonly model: LanguageModel;
  readonly dispatcher: JobDispatcher;
  readonly chains: ChainAccess;
  readonly transport: ChainTransport;
  readonly load: ServerLoad;
  readonly pieces: PrefillPieces;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface ResilientChainOptions {
  /** Tokens per step when new hops are fed what the lost ones had been fed, >= 1. */
  readonly replayTokens: number;
  readonly stepTimeoutMs: number;
  readonly recovery: RecoveryOptions;
}

/** The request that uses the chain. */
export interface ChainUse {
  readonly ticket: Ticket;
  readonly record: RequestRecord;
  readonly promptTokens: number;
  /** Prompt plus longest output. */
  readonly maxTokens: number;
  /** Until when it must have begun, in the clock's time. */
  readonly deadlineMs: number;
  /** Aborts when the request ends. */
  readonly signal: AbortSignal;
}
