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
  /** Longest wait for one hop's answer to one step (and for its opening), milliseconds. */
  readonly stepTimeoutMs: number;
}

export interface TransportHop {
  readonly serverId: string;
  /** `host:port` (grpc) or a multiaddr (petals). */
  readonly address: string;
  readonly firstBlock: number;
  readonly blockCount: number;
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
   * After the first failure every pending and later call rejects with the same error.
   * @throws DispatcherError as `open`, and DSP_CONTEXT_TOO_LONG beyond `maxTokens`
   */
  forward(hidden: Float32Array, tokens: number, returnTokens: number): Promise<Float32Array>;
  /** Seconds spent at each hop so far (waiting for its answers), for metrics and explanations. */
  hopTimings(): readonly HopTiming[];
  /** Ends the session at every hop and frees its cache. Idempotent; never throws. */
  close(): void;
}

export interface HopTiming {
  readonly serverId: string;
  readonly steps: number;
  /** Round trip of all steps, from the write to the answer. */
  readonly roundTripSeconds: number;
  /** Of that, what the server says it computed. */
  readonly computeSeconds: number;
}

export const MAX_STEPS_UNDER_WAY = 8;
