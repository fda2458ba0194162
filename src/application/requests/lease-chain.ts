import { DispatcherError } from '../../domain/shared/errors.ts';
import type { TransportHop } from '../ports/chain-transport.ts';
import type { Clock } from '../ports/clock.ts';
import type { GenerationRequest } from '../ports/inference.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { ChainAccess } from './chain-access.ts';
import type { JobDescriptions } from './job-descriptions.ts';
import type { JobDispatcher, Ticket } from './job-dispatcher.ts';
import type { ChainLease, Leases } from './leases.ts';
import { RequestRecord } from './request-record.ts';

export interface LeaseChainDependencies {
  readonly dispatcher: JobDispatcher;
  readonly jobs: JobDescriptions;
  readonly chains: ChainAccess;
  readonly leases: Leases;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly newId: () => string;
}

export interface LeaseChainOptions {
  readonly modelId: string;
  readonly sessionTokens: number;
}

export interface LeasedChain extends ChainLease {
  readonly hops: readonly TransportHop[];
}

export interface LeaseRequest {
  readonly modelId: string;
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  /** Of the call, ms from now. */
  readonly deadlineMs: number | undefined;
  readonly priority: GenerationRequest['priority'];
  readonly tenant: string;
  /** What the client's key allows its tenant. */
  readonly limits?: GenerationRequest['limits'];
}

/** Lends chains to clients that drive them themselves, from the same queue as every request. */
export class LeaseChain {
  readonly #deps: LeaseChainDependencies;
  readonly #options: LeaseChainOptions;

  constructor(deps: LeaseChainDependencies, options: LeaseChainOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Waits for a slot and lends it.
   * @throws DispatcherError DSP_MODEL_NOT_FOUND, DSP_INVALID_ARGUMENT, DSP_CONTEXT_TOO_LONG, DSP_QUEUE_FULL,
   *   DSP_DEADLINE_EXCEEDED, DSP_NO_CAPACITY, DSP_DRAINING, DSP_CANCELLED, DSP_SERVER_LOST
   */
  async acquire(request: LeaseRequest, signal: AbortSignal): Promise<LeasedChain> {
    this.#check(request);
    const { clock, dispatcher, jobs, leases, newId, telemetry, chains } = this.#deps;
    if (leases.isFull)
      throw new DispatcherError('DSP_QUEUE_FULL', 'too many leases are held: release some', { retryAfterMs: 1_000 });
    const record = new RequestRecord(clock, telemetry);
    let ticket: Ticket;
    try {
      ticket = await dispatcher.acquire(jobs.describe({ ...request, id: newId(), limit: request.limits }), signal);
    } catch (error) {
      record.neverRan(error);
      throw error;
    }
    record.assigned();
    try {
      if (signal.aborted) throw new DispatcherError('DSP_CANCELLED', 'the client left before it had its lease');
      const hops = chains.resolveHops(ticket.chain);
      return { ...leases.hold(newId(), ticket, record), hops };
    } catch (error) {
      const outcome = signal.aborted ? 'cancelled' : 'failed';
      record.finished(outcome);
      ticket.release(outcome);
      throw error;
    }
  }

  /** @throws DispatcherError DSP_LEASE_NOT_FOUND, DSP_SERVER_LOST when a server of the chain has left */
  renew(leaseId: string): LeasedChain {
    const lease = this.#deps.leases.renew(leaseId);
    return { ...lease, hops: this.#deps.chains.resolveHops(lease.ticket.chain) };
  }

  /**
   * Gives the slot back. What a client says of a server's failure counts in the log and for its own
   * outcome only: a client must not be able to have a server excluded.
   * @throws DispatcherError DSP_LEASE_NOT_FOUND
   */
  release(leaseId: string, hasSucceeded: boolean): void {
    this.#deps.leases.release(leaseId, hasSucceeded ? 'completed' : 'failed');
  }

  #check(request: LeaseRequest): void {
    const { modelId, sessionTokens } = this.#options;
    if (request.modelId !== modelId && request.modelId !== 'default') {
      throw new DispatcherError('DSP_MODEL_NOT_FOUND', `this dispatcher serves '${modelId}'`, { param: 'model_id' });
    }
    if (request.inputTokens < 1)
      throw new DispatcherError('DSP_INVALID_ARGUMENT', 'input_tokens: must be at least 1', { param: 'input_tokens' });
    if (request.maxOutputTokens < 1)
      throw new DispatcherError('DSP_INVALID_ARGUMENT', 'max_output_tokens: must be at least 1', {
        param: 'max_output_tokens',
      });
    const tokens = request.inputTokens + request.maxOutputTokens;
    if (tokens > sessionTokens) {
      throw new DispatcherError(
        'DSP_CONTEXT_TOO_LONG',
        `input_tokens + max_output_tokens is ${tokens}, above the session limit of ${sessionTokens}`,
        { param: 'max_output_tokens' },
      );
    }
  }
}
