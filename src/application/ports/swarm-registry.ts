import type { Span } from '../../domain/model/span.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';
import type { MeasuredSpeed } from './block-host.ts';

/** The port through which a block server joins a dispatcher's swarm. */
export interface SwarmRegistry {
  /**
   * Starts one registration. Calls to the listener come from the event loop, never from inside `join`;
   * `ended` is the last one and always comes.
   * @param address `host:port` of the dispatcher
   */
  join(address: string, hello: JoinRequest, listener: RegistrationListener): Registration;
  /** One round trip to the dispatcher, seconds; undefined when it cannot be reached. */
  measureRoundTripSeconds(address: string): Promise<number | undefined>;
}

/** What a block server says of itself. */
export interface JoinRequest {
  readonly serverId: string;
  readonly modelId: string;
  /** Data plane: `host:port`, or a multiaddr where `protocol` is petals. */
  readonly address: string;
  /** What is spoken at the address; `grpc` where it is left out. */
  readonly protocol?: 'grpc' | 'petals';
  /** For blocks and caches together. */
  readonly memoryBytes: number;
  readonly speed: ServerSpeed;
  readonly hosted: Span | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty where none is asked for. */
  readonly joinToken: string;
  /** Number format of the weights: `float32`, `int8`. */
  readonly dtype: string;
  readonly weightsDigest: string;
  /** What whoever opens a session at `address` must show. */
  readonly sessionToken?: string | undefined;
  /** PEM of the certificate that is shown at `address`, where TLS is then spoken. */
  readonly certificate?: string | undefined;
}

export interface ServerSpeed extends MeasuredSpeed {
  readonly rttSeconds: number | undefined;
}

export interface RegistrationListener {
  welcomed(welcome: { readonly heartbeatIntervalMs: number; readonly dispatcherId: string }): void;
  ordered(order: SpanOrder): void;
  /** No session uses this server any more; it may go. */
  drained(): void;
  /** Another dispatcher is to be joined. */
  redirected(address: string): void;
  ended(end: RegistrationEnd): void;
}

/** The dispatcher wants this span hosted. `blockCount` 0: nothing. */
export interface SpanOrder {
  readonly planEpoch: number;
  readonly span: Span;
  readonly cacheBytes: number;
}

/** refused: trying again with the same request is useless. lost: the connection or the dispatcher went. */
export interface RegistrationEnd {
  readonly kind: 'refused' | 'lost';
  readonly error: DispatcherError;
}

/** A stream to the dispatcher. Calls never throw; those after its end are lost. */
export interface Registration {
  heartbeat(state: { readonly cacheBytesFree: number; readonly sessions: number; readonly speed: ServerSpeed }): void;
  spanReady(planEpoch: number, span: Span): void;
  spanFailed(planEpoch: number, reason: string): void;
  leaving(reason: string): void;
  /** Ends the stream; `ended` still comes. Idempotent. */
  close(): void;
}
