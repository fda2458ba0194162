import type { ServerResponse } from 'node:http';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * Watches one response's connection, and gives the signal on which the work for it stops: the client
 * left, or the front gave up on it. Whoever makes one calls `settle` when the answer is complete.
 */
export class ClientPresence {
  readonly #raw: ServerResponse;
  readonly #controller = new AbortController();
  #isGone = false;

  constructor(raw: ServerResponse) {
    this.#raw = raw;
    if (raw.destroyed) this.#onClose();
    else raw.once('close', this.#onClose);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The connection closed before the answer was complete: nothing can be said to the client any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Stops the work for this client, and the other jobs of its request with it. */
  stop(reason: DispatcherError): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  /** The answer is complete: a connection that closes now cancels nothing. */
  settle(): void {
    this.#raw.removeListener('close', this.#onClose);
  }

  readonly #onClose = (): void => {
    this.#isGone = true;
    this.stop(new DispatcherError('DSP_CANCELLED', 'The client closed the connection before its answer was complete.'));
  };
}
