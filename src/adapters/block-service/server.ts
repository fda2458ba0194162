import { createHash, timingSafeEqual } from 'node:crypto';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { BlockHost } from '../../application/ports/block-host.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { formatHostPort, type HostPort } from '../wire/address.ts';
import { encodeInfoReply, encodeSessionReply, INFO_PATH, SESSION_PATH } from '../wire/block-server-codec.ts';
import { GRPC_STATUS } from '../wire/failure-codes.ts';
import type { InfoReply } from '../wire/generated/daisychain/v1/InfoReply.ts';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from '../wire/limits.ts';
import { GrpcStream } from './grpc-stream.ts';
import { serveSession } from './session-stream.ts';

export interface BlockServiceOptions {
  readonly host: BlockHost;
  /** Port 0 takes any free one. */
  readonly listen: HostPort;
  readonly logger: Logger;
  /** What whoever opens a session must show; anybody may where it is left out. */
  readonly sessionToken?: string | undefined;
  /** PEM: TLS with this certificate. Without it hidden states travel in the clear. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly limits?: Partial<BlockServiceLimits>;
}

export interface BlockServiceLimits {
  /** TCP connections at once. */
  readonly maxConnections: number;
  readonly maxStreamsPerConnection: number;
  /** `Session` calls at once, over all connections. */
  readonly maxSessions: number;
  /** From accepting a connection to the client's HTTP/2 settings, and from a stream's start to `open`. */
  readonly openTimeoutMs: number;
  /** Longest wait of an open session for its next step. */
  readonly idleTimeoutMs: number;
  /** How long an opening waits for cache that sessions about to end give back. */
  readonly cacheWaitMs: number;
  /** Between pings of a connection; one that has not answered by the next is ended. */
  readonly pingIntervalMs: number;
}

const DEFAULT_LIMITS: BlockServiceLimits = {
  maxConnections: 256,
  maxStreamsPerConnection: 128,
  maxSessions: 512,
  openTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  cacheWaitMs: 1_000,
  pingIntervalMs: 20_000,
};

/** Room for the windows of a connection and its queued replies; node's default of 10 MB is below them. */
const MAX_SESSION_MEMORY_MB = 64;

/**
 * Resets that a connection may spend before it is ended as an attack (CVE-2023-44487). A client resets
 * the streams of requests that were given up, so a busy dispatcher exceeds the defaults of 1,000 and 33.
 */
const STREAM_RESET_BURST = 10_000;
const STREAM_RESETS_PER_SECOND = 1_000;

export interface BlockService {
  /** Where it listens, `host:port`. */
  readonly address: string;
  /** Ends every session and connection. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves `daisychain.v1.BlockServer` over a block host.
 *
 * It stands on node:http2 and not on a gRPC server library because hidden states of a prompt are
 * megabytes: grpc-js gives a server no way to raise its receive window of 64 kB, which costs a round
 * trip per 64 kB. gRPC itself is little here: two paths, length-prefixed messages, a status trailer.
 * @throws the error of listening (address in use, not ours)
 */
export async function startBlockService(options: BlockServiceOptions): Promise<BlockService> {
  const { host, logger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const connections = new Set<ServerHttp2Session>();
  let sessions = 0;

  const http2Options = {
    maxSessionMemory: MAX_SESSION_MEMORY_MB,
    streamResetBurst: STREAM_RESET_BURST,
    streamResetRate: STREAM_RESETS_PER_SECOND,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      enablePush: false,
    },
  };
  const server =
    options.tls === undefined
      ? createServer(http2Options)
      : createSecureServer({
          ...http2Options,
          ...options.tls,
          minVersion: 'TLSv1.2',
          allowHTTP1: false,
          handshakeTimeout: limits.openTimeoutMs,
        });
  const isAllowed = callerCheck(options.sessionToken);
  server.maxConnections = limits.maxConnections;
  server.on('session', (session) => {
    connections.add(session);
    session.once('close', () => connections.delete(session));
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    superviseConnection(session, limits);
  });
  // A peer that does not speak HTTP/2, or breaks it: node ends the connection by itself.
  server.on('sessionError', (error) => logger.debug({ err: error }, 'connection failed'));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const path = headers[':path'];
    if (!isGrpcCall(headers)) {
      stream.respond({ ':status': 415 }, { endStream: true });
    } else if (path === INFO_PATH) {
      serveInfo(stream, host, limits.openTimeoutMs);
    } else if (path !== SESSION_PATH) {
      refuse(stream, GRPC_STATUS.unimplemented, 'This is a block server: it offers daisychain.v1.BlockServer.');
    } else if (!isAllowed(headers.authorization)) {
      refuse(stream, GRPC_STATUS.unauthenticated, 'authorization: show the token with which this server joined.');
    } else if (sessions >= limits.maxSessions) {
      refuseSession(stream, limits.maxSessions);
    } else {
      sessions += 1;
      stream.once('close', () => {
        sessions -= 1;
      });
      serveSession(stream, { host, logger, ...limits });
    }
  });

  await listen(server, options.listen);
  const bound = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    address: formatHostPort({ host: options.listen.host, port: bound.port }),
    close: () => {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of connections) session.destroy();
      });
      return closing;
    },
  };
}

/** Whether a caller's `authorization` is the one asked for; tells nothing of the token by the time it takes. */
function callerCheck(sessionToken: string | undefined): (authorization: string | undefined) => boolean {
  if (sessionToken === undefined) return () => true;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${sessionToken}`);
  return (authorization) => authorization !== undefined && timingSafeEqual(digest(authorization), expected);
}

function listen(server: Http2Server | Http2SecureServer, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Ends a connection that never becomes HTTP/2, and one whose peer has silently gone. */
function superviseConnection(session: ServerHttp2Session, limits: BlockServiceLimits): void {
  const handshake = setTimeout(() => session.destroy(), limits.openTimeoutMs);
  session.once('remoteSettings', () => clearTimeout(handshake));
  let isAnswered = true;
  const ping = setInterval(() => {
    if (session.destroyed) return;
    if (!isAnswered) {
      session.destroy();
      return;
    }
    isAnswered = false;
    session.ping((error) => {
      isAnswered = error === null;
    });
  }, limits.pingIntervalMs);
  session.once('close', () => {
    clearTimeout(handshake);
    clearInterval(ping);
  });
}

function isGrpcCall(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && (headers['content-type'] ?? '').startsWith('application/grpc');
}

const IGNORE = { readable: () => {}, halfClosed: () => {}, closed: () => {} };

function refuse(stream: ServerHttp2Stream, status: number, message: string): void {
  new GrpcStream(stream, IGNORE).finish(status, message);
}

function refuseSession(stream: ServerHttp2Stream, maxSessions: number): void {
  const grpc = new GrpcStream(stream, IGNORE);
  void grpc.send(
    encodeSessionReply({
      failure: {
        code: 'DSP_CACHE_FULL',
        message: `The server has ${maxSessions} sessions, its limit: try again later.`,
      },
    }),
  );
  grpc.finish(GRPC_STATUS.ok);
}

function serveInfo(stream: ServerHttp2Stream, host: BlockHost, timeoutMs: number): void {
  const timer = setTimeout(() => grpc.finish(GRPC_STATUS.cancelled, 'The request did not come in time.'), timeoutMs);
  const grpc = new GrpcStream(stream, {
    readable: () => {
      try {
        if (grpc.next() === undefined) return;
        void grpc.send(encodeInfoReply(describe(host)));
        grpc.finish(GRPC_STATUS.ok);
      } catch (error) {
        grpc.finish(GRPC_STATUS.internal, error instanceof DispatcherError ? error.message : 'The server failed.');
      }
    },
    halfClosed: () => grpc.finish(GRPC_STATUS.internal, 'The request is missing.'),
    closed: () => clearTimeout(timer),
  });
}

function describe(host: BlockHost): InfoReply {
  const hosted = host.hosted();
  return {
    modelId: host.modelId,
    blockCount: host.blockCount,
    hiddenSize: host.hiddenSize,
    ...(hosted === undefined ? {} : { hosted }),
    ...host.usage(),
    weightsDigest: host.weightsDigest,
  };
}
