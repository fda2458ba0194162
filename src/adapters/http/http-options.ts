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
  /** Origins whose pages may call `/v1` from a browser, such as `https://chat.example`. */
  readonly corsOrigins: readonly string[];
  /** Undefined: plain HTTP. */
  readonly tls: HttpTls | undefined;
}

/** PEM texts of the front's certificate, with the chain up to its authority, and of its key. */
export interface HttpTls {
  readonly cert: Buffer;
  readonly key: Buffer;
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
  corsOrigins: [],
  tls: undefined,
};
