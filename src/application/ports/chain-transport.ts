import type { DispatcherError } from '../../domain/shared/errors.ts';

/**
 * The port through which hidden states travel along a chain. One implementation per protocol
 * (`grpc`, later `petals`) and an in-memory one for tests, all held to one contract suite.
 *
 * Hidden states are float32[tokens, hidden], row-major, little-endian on the wire.
 */
export interface ChainTransport {
  /**
   * Opens a session at every hop and resolves when all of them have reserved their cache; if one
   * refuses, those already open are closed and the refusal is thrown.
   * @throws DispatcherError DSP_SERVER_LOST, DSP_STEP_TIMEOUT, DSP_CACHE_FULL, DSP_SPAN_NOT_HOSTED,
   *   DSP_BAD_OUTPUT (each with `serverId`), DSP_CANCELLED
   */
  open(request: OpenChainRequest, signal: AbortSignal): Promise<ChainSession>;
  /** Closes pooled connections. Sessions still open fail with DSP_SERVER_LOST. */
  close(): Promise<void>;
}

export interface OpenChainRequest {
  /** Unguessable, at most 64 characters. */
  readonly sessionId: string;
  readonly modelId: string;
  readonly hiddenSize: number;
  readonly planEpoch: number;
  /** In the order of the blocks; at least one. */
  readonly hops: readonly TransportHop[];
  /** Tokens of cache to reserve at each hop: prompt plus maximum output, >= 1. */
  readonly maxTokens: number;
  /**
   * The prompt's tokens and the `forward` calls that carry them, where the caller knows: a transport may
   * choose by it how steps travel. A request that pipelines calls beyond what it says here may be slower.
   */
  readonly prompt?: { readonly tokens: number; readonly steps: number };
  /** Told of every step that goes to a server and comes back. */
  readonly load?: ServerLoad;
  /** Longest wait for one hop's answer to one step (and for its opening), milliseconds. */
  readonly stepTimeoutMs: number;
  /** W3C trace context, which goes to every hop. */
  readonly traceparent?: string;
  /** With it, a hop that fails once the session is open suspends the session; without it, ends it. */
  readonly recovery?: SessionRecovery;
}

/** What a session needs to outlive its hops. */
export interface SessionRecovery {
  /**
   * The first hop's input of positions that were fed before, once more: float32[tokens, hidden]. The
   * inputs of the other hops are kept by the session.
   */
  firstInputs(position: number, tokens: number): Float32Array;
  /** Memory for the inputs kept, shared by all sessions. A hop for which none is left keeps no inputs. */
  readonly memory: HistoryMemory;
  /** Positions per replayed step, >= 1. */
  readonly replayTokens: number;
  /** A hop has failed and a `forward` waits for it: `replaceHops` or `close` is expected. Told again after each replacement. */
  suspended(): void;
}

/** A budget of bytes. */
export interface HistoryMemory {
  /** False: not so many are left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What servers have to do, as those who send them steps know it. */
export interface ServerLoad {
  /** A step of so many tokens goes to a server. */
  sent(serverId: string, blockCount: number, tokens: number): LoadedStep;
}

export interface LoadedStep {
  /** Seconds of work for other steps that were sent there before and are not done, >= 0. */
  readonly aheadSeconds: number;
  /** It was answered, or will not be. To be called once. */
  ended(): void;
}

export interface TransportHop {
  readonly serverId: string;
  /** `host:port` (grpc) or a multiaddr (petals). */
  readonly address: string;
  /** What is spoken there; `grpc` where it is left out. */
  readonly protocol?: 'grpc' | 'petals';
  readonly firstBlock: number;
  readonly blockCount: number;
  /** What the server wants to be shown; nothing where it is left out. */
  readonly sessionToken?: string | undefined;
  /** PEM: the server speaks TLS, and shows this certificate and no other. */
  readonly certificate?: string | undefined;
}

export interface ChainSession {
  /**
   * Sends hidden states of the next `tokens` positions through every hop and resolves with the last
   * hop's output, float32[returnTokens, hidden]: the last `returnTokens` rows (0..tokens).
   *
   * May be called again before earlier calls have resolved: steps stay in order at every hop, and
   * hop h works on step i while hop h-1 works on step i+1. The caller bounds how many are under
   * way; a session refuses more than `MAX_STEPS_UNDER_WAY`.
   *
   * After the first failure every pending and later call rejects with the same error. With
   * `recovery`, calls wait instead until the hop is replaced or the session closed.
   * @throws DispatcherError as `open`, and DSP_CONTEXT_TOO_LONG beyond `maxTokens`
   */
  forward(hidden: Float32Array, tokens: number, returnTokens: number): Promise<Float32Array>;
  /** Seconds spent at each hop so far (waiting for its answers), for metrics and explanations. */
  hopTimings(): readonly HopTiming[];
  /** Hops that are lost, in the order of the blocks, of a session with `recovery` that is suspended. */
  failures(): readonly HopFailure[];
  /**
   * Where a replacement has to begin so that hop `index` can be rebuilt: the last hop, at or before it,
   * whose inputs were all kept. 0 always can.
   */
  replayableFrom(index: number): number;
  /** Lets go of one hop, which then counts as failed with `error`. */
  abandon(index: number, error: DispatcherError): void;
  /** Frees the caches of all hops at once; every hop then counts as failed. */
  detach(): void;
  /**
   * Puts other hops, which together cover the same blocks, in the place of `count` hops from `first` on.
   * Their caches are rebuilt by replaying the inputs kept; then the steps under way go on, each answered
   * once. Resolves when the new hops have reserved their cache; what fails later suspends again.
   * @throws DispatcherError as `ChainTransport.open`: the session stays suspended
   */
  replaceHops(first: number, count: number, replacement: HopReplacement): Promise<void>;
  /** Ends the session at every hop and frees its cache. Idempotent; never throws. */
  close(): void;
}

export interface HopFailure {
  readonly index: number;
  readonly serverId: string;
  readonly error: DispatcherError;
}

export interface HopReplacement {
  /** One that no server knows yet. */
  readonly sessionId: string;
  readonly planEpoch: number;
  readonly hops: readonly TransportHop[];
}

export interface HopTiming {
  readonly serverId: string;
  readonly steps: number;
  /** Round trip of all steps, from the write to the answer. */
  readonly roundTripSeconds: number;
  /** Of that, what the server says it computed. */
  readonly computeSeconds: number;
  /** Work of other sessions that the steps met at the server when they were sent, seconds; absent where no `load` was given. */
  readonly aheadSeconds?: number;
}

export const MAX_STEPS_UNDER_WAY = 8;
