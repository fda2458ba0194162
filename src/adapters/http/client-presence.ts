import type { Socket } from 'node:net';
import { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * Requests under way by connection. One listener per socket serves them all: a client may send many
 * requests on one connection without waiting, and Node tells only the first answer that it closed.
 */
const UNDER_WAY = new WeakMap<Socket, Set<ClientPresence>>();

/**
 * Watches a request's connection, and gives the signal on which the work for it stops: the client
 * left, or the front gave up on it. Whoever makes one calls `settle` when the answer is complete.
 */
export class ClientPresence {
  readonly #socket: Socket;
  readonly #controller = new AbortController();
  #isGone = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    if (socket.destroyed) this.#leave();
    else presencesOn(socket).add(this);
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
    UNDER_WAY.get(this.#socket)?.delete(this);
  }

  /** Every request under way on a socket that closed. */
  static leaveAll(socket: Socket): void {
    for (const presence of UNDER_WAY.get(socket) ?? []) presence.#leave();
    UNDER_WAY.delete(socket);
  }

  #leave(): void {
    this.#isGone = true;
    this.stop(new DispatcherError('DSP_CANCELLED', 'The client closed the connection before its answer was complete.'));
  }
}

function presencesOn(socket: Socket): Set<ClientPresence> {
  const known = UNDER_WAY.get(socket);
  if (known !== undefined) return known;
  const presences = new Set<ClientPresence>();
  UNDER_WAY.set(socket, presences);
  socket.once('close', () => ClientPresence.leaveAll(socket));
  return presences;
}
