/** Limits of the HTTP front. Every one protects the dispatcher from a client. */
export interface HttpOptions {
  /** Longest request body, bytes. */
  readonly bodyLimitBytes: number;
  /** Longest request line with all headers, bytes. */
  readonly headerLimitBytes: number;
  /** Longest time for a client to send its headers, milliseconds. */
  readonly headersTimeoutMs: number;
  /** Longest time for a client to send a whole request, milliseconds. */
  readonly requestTimeoutMs: number;
  /** An idle kept-alive connection closes after this, milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** Connections at once; further ones are closed. */
  readonly maxConnections: number;
  /** A stream whose client takes nothing for this long is cancelled, milliseconds. */
  readonly slowClientTimeoutMs: number;
  /** Most jobs that one request may ask for: prompts times `n`. */
  readonly maxJobsPerRequest: number;
  /** Keys that clients must present as bearer tokens; none: the front is open. */
  readonly apiKeys: readonly string[];
  /**
   * Keys for `/admin/v1`. None, and no API keys either: open. None, but API keys: any of those may
   * read there, and nobody may act.
   */
  readonly adminKeys: readonly string[];
}

export const DEFAULT_HTTP_OPTIONS: HttpOptions = {
  bodyLimitBytes: 4 * 1024 * 1024,
  headerLimitBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  maxConnections: 10_000,
  slowClientTimeoutMs: 30_000,
  maxJobsPerRequest: 16,
  apiKeys: [],
  adminKeys: [],
};
