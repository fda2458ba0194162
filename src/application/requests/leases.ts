import { DispatcherError } from '../../domain/shared/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ticket } from './job-dispatcher.ts';
import type { RequestRecord } from './request-record.ts';

export interface LeasesOptions {
  /** A lease that is not renewed for this long is taken back, ms > 0. */
  readonly leaseMs: number;
  /** Leases at once, >= 1. */
  readonly limit: number;
}

/** A chain lent to a client that drives it itself. */
export interface ChainLease {
  readonly id: string;
  readonly ticket: Ticket;
  readonly expiresInMs: number;
}

interface HeldLease {
  readonly ticket: Ticket;
  readonly record: RequestRecord;
  cancelTimer: () => void;
}

/** Slots held by clients outside: each ends by release or by running out, once. */
export class Leases {
  readonly #clock: Clock;
  readonly #options: LeasesOptions;
  readonly #held = new Map<string, HeldLease>();

  constructor(clock: Clock, options: LeasesOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  get isFull(): boolean {
    return this.#held.size >= this.#options.limit;
  }

  /** Takes over a slot. @param id unguessable: it is the only proof of ownership */
  hold(id: string, ticket: Ticket, record: RequestRecord): ChainLease {
    this.#held.set(id, { ticket, record, cancelTimer: this.#expireLater(id) });
    return { id, ticket, expiresInMs: this.#options.leaseMs };
  }

  /** @throws DispatcherError DSP_LEASE_NOT_FOUND */
  renew(id: string): ChainLease {
    const held = this.#get(id);
    held.cancelTimer();
    held.cancelTimer = this.#expireLater(id);
    return { id, ticket: held.ticket, expiresInMs: this.#options.leaseMs };
  }

  /** @throws DispatcherError DSP_LEASE_NOT_FOUND */
  release(id: string, outcome: 'completed' | 'failed' | 'cancelled'): Ticket {
    const held = this.#get(id);
    this.#held.delete(id);
    held.cancelTimer();
    held.record.finished(outcome);
    held.ticket.release(outcome);
    return held.ticket;
  }

  /** Takes every lease back; for shutting down. */
  close(): void {
    for (const id of [...this.#held.keys()]) this.release(id, 'cancelled');
  }

  #get(id: string): HeldLease {
    const held = this.#held.get(id);
    if (held === undefined)
      throw new DispatcherError('DSP_LEASE_NOT_FOUND', 'no such lease: it was released, ran out, or never was', {
        param: 'lease_id',
      });
    return held;
  }

  #expireLater(id: string): () => void {
    return this.#clock.setTimer(this.#options.leaseMs, () => {
      if (this.#held.has(id)) this.release(id, 'cancelled');
    });
  }
}
