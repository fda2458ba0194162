import type { Span } from '../../domain/model/span.ts';

/**
 * The port to a block server's compute: a span of real blocks with a bounded KV cache. Implemented
 * by `block-server/`; driven by the data-plane service and by the agent.
 */
export interface BlockHost {
  readonly modelId: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest: string;
  /** Blocks loaded and accepting sessions. */
  hosted(): Span | undefined;
  /** Bytes of cache not reserved by a session; sessions open. */
  usage(): { readonly cacheBytesFree: number; readonly sessions: number };
  /**
   * Makes `span` the hosted span with `cacheBytes` of cache. Blocks already loaded stay; new ones load
   * as memory allows; sessions on blocks that go keep them until they end, and new sessions are refused
   * there at once. Resolves when every block of the span accepts sessions. A later call supersedes.
   * `blockCount` 0 hosts nothing.
   * @throws DispatcherError DSP_BAD_WEIGHTS, DSP_CANCELLED when superseded
   */
  host(span: Span, cacheBytes: number): Promise<void>;
  /** Seconds per token and block, measured on a loaded sample block: called once before joining. */
  measureSpeed(): Promise<MeasuredSpeed>;
  /**
   * Reserves cache of `maxTokens` for the blocks, or refuses.
   * @throws DispatcherError DSP_CACHE_FULL, DSP_SPAN_NOT_HOSTED, DSP_INVALID_ARGUMENT
   */
  openSession(blocks: Span, maxTokens: number): BlockSession;
  close(): Promise<void>;
}

export interface BlockSession {
  /**
   * Runs float32[tokens, hidden] through the session's blocks at the next positions, and returns the
   * last `returnTokens` rows with the compute time. Steps of one session run in the order called.
   * @throws DispatcherError DSP_CONTEXT_TOO_LONG beyond the reserved tokens
   */
  step(
    hidden: Float32Array,
    tokens: number,
    returnTokens: number,
  ): Promise<{ readonly hidden: Float32Array; readonly computeSeconds: number }>;
  /** Frees the cache. Idempotent; a step under way ends first. */
  close(): void;
}

export interface MeasuredSpeed {
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  readonly decodeSecondsPerTokenPerBlock: number;
}
