import type { Chain } from '../../domain/model/chain.ts';
import type { CompletionOutcome } from '../../domain/model/job.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { HopTiming } from '../ports/chain-transport.ts';
import type { GenerationEvent } from '../ports/inference.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ChainAccess } from './chain-access.ts';
import { DecodeTimes } from './decode-times.ts';
import type { Ticket } from './job-dispatcher.ts';
import type { PrefillPieces } from './prefill-pieces.ts';
import type { RequestRecord } from './request-record.ts';

export interface RunningRequestDependencies {
  readonly chains: ChainAccess;
  readonly telemetry: Telemetry;
  readonly pieces: PrefillPieces;
  /** Requests that hold a slot; each is in it from its start to its end. */
  readonly running: Set<RunningRequest>;
}

/** The chain that a request runs on, as far as its end is concerned. */
export interface RunningChain {
  /** Whether all its hops are those that the request was first given. */
  readonly isOriginal: boolean;
  hopTimings(): readonly HopTiming[];
  close(): void;
}

/** A request that holds a slot: the one place where it ends. */
export class RunningRequest {
  readonly record: RequestRecord;
  readonly hopCount: number;
  readonly #deps: RunningRequestDependencies;
  readonly #ticket: Ticket;
  readonly #abort = new AbortController();
  readonly #client: AbortSignal;
  #running: RunningChain | undefined;
  /** Since the first token. */
  #decode: DecodeTimes | undefined;
  #stopGenerating: (() => void) | undefined;
  #isFinished = false;
  /** Why it was ended from outside, if it was. */
  #endedBy: DispatcherError | undefined;
  readonly #onClientLeft = (): void => this.finish('cancelled');

  constructor(deps: RunningRequestDependencies, ticket: Ticket, record: RequestRecord, client: AbortSignal) {
    this.#deps = deps;
    this.#ticket = ticket;
    this.record = record;
    this.hopCount = ticket.chain.hops.length;
    this.#client = client;
    deps.running.add(this);
    record.story?.chainTaken(ticket.chain, deps.chains.chains);
    client.addEventListener('abort', this.#onClientLeft, { once: true });
    if (client.aborted) this.finish('cancelled');
  }

  /** Where it runs now. */
  get chain(): Chain {
    return this.#ticket.chain;
  }

  /** Aborts when the request ends, whatever ended it. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Names what to close at the end. */
  adopt(chain: RunningChain): void {
    this.#running = chain;
    if (this.#isFinished) chain.close();
  }

  /** What the request brought forth. */
  observe(event: GenerationEvent, promptTokens: number): void {
    this.record.observe(event, promptTokens);
    if (event.kind === 'token' && this.#running !== undefined) {
      this.#decode ??= new DecodeTimes(this.#running);
      this.#stopGenerating ??= this.#deps.pieces.generates(this.#ticket.chain);
    }
    if (event.kind === 'end') this.#served(promptTokens, event.completionTokens);
  }

  #served(promptTokens: number, completionTokens: number): void {
    const isOriginal = this.#running?.isOriginal === true;
    const hops = isOriginal ? (this.#decode?.hops(this.#ticket.chain) ?? []) : [];
    this.#deps.chains.reportRequest({ promptTokens, completionTokens, hops });
  }

  /** Ends the request for a failure and returns what its client is told. */
  fail(cause: unknown): unknown {
    if (this.#isFinished) return this.#endedBy ?? cause;
    this.finish(cause instanceof DispatcherError && cause.code === 'DSP_CANCELLED' ? 'cancelled' : 'failed');
    return cause;
  }

  /** Ends the request from outside, with what its client is told. */
  interrupt(reason: DispatcherError): void {
    if (this.#isFinished) return;
    this.#endedBy = reason;
    this.finish('failed');
  }

  /** Frees the caches at every hop, then the slot. The first call counts. */
  finish(outcome: CompletionOutcome): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#deps.running.delete(this);
    this.#client.removeEventListener('abort', this.#onClientLeft);
    this.#stopGenerating?.();
    this.#running?.close();
    this.#abort.abort();
    for (const hop of this.#running?.hopTimings() ?? []) {
      if (hop.steps > 0) this.#deps.telemetry.hopObserved(hop.serverId, hop.roundTripSeconds / hop.steps);
    }
    this.record.finished(outcome);
    if (outcome === 'completed' && this.#running?.isOriginal === true)
      this.#deps.chains.reportService(this.#ticket.chain.id, this.record.serviceSeconds());
    this.#ticket.release(outcome);
  }
}
