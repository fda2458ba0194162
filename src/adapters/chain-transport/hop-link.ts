import type { OpenChainRequest, TransportHop } from '../../application/ports/chain-transport.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';

/** One step on its way to one hop. */
export interface HopStep {
  /** 0, 1, 2, ... of the steps that this hop is sent. */
  readonly index: number;
  /** Of the first row. */
  readonly position: number;
  /** float32[tokens, hidden], not yet modified by anyone while the step is under way. */
  readonly hidden: Float32Array;
  readonly tokens: number;
  /** Rows wanted back, the last ones. */
  readonly returnTokens: number;
}

/** A session's stream to one server, as each protocol implements it. */
export interface HopLink {
  /** Called after `opened` only, with at most `MAX_STEPS_IN_FLIGHT` steps unanswered. */
  send(step: HopStep): void;
  /** Ends the session at the server at once. Idempotent; nothing is told to the listener afterwards. */
  close(): void;
}

/** What a link tells. Calls come from the event loop, never from inside `connect`, `send` or `close`. */
export interface HopListener {
  /** The server has reserved its cache. */
  opened(): void;
  /**
   * The answer to the step with this index.
   * @param hidden float32[rows, hidden], whole rows, unchecked values
   * @param computeSeconds as the server says, unchecked
   */
  answered(index: number, hidden: Float32Array, computeSeconds: number): void;
  /** The session at this hop is over. */
  failed(error: DispatcherError): void;
}

/** Starts opening a session at one hop. */
export type ConnectHop = (request: OpenChainRequest, hop: TransportHop, listener: HopListener) => HopLink;

/** A protocol's way to open sessions at hops, with the connections behind it. */
export interface HopConnector {
  readonly connect: ConnectHop;
  /** Closes the pooled connections. */
  close(): Promise<void>;
}
