import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { decodeSessionReply, encodeSessionRequest, SESSION_PATH } from '../../src/adapters/wire/block-server-codec.ts';
import type { SessionReply__Output } from '../../src/adapters/wire/generated/daisychain/v1/SessionReply.ts';
import type { SessionRequest } from '../../src/adapters/wire/generated/daisychain/v1/SessionRequest.ts';
import { LengthPrefixedReader, withLengthPrefix } from '../../src/adapters/wire/length-prefixed-reader.ts';

/** An HTTP/2 connection whose client need not follow any rule above HTTP/2. */
export async function connectRaw(address: string, initialWindowSize = 1_000_000): Promise<ClientHttp2Session> {
  const session = connect(`http://${address}`, { settings: { initialWindowSize, enablePush: false } });
  session.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    session.once('remoteSettings', () => resolve());
    session.once('error', reject);
    session.once('close', () => reject(new Error('closed before its settings')));
  });
  return session;
}

/** A gRPC call made by hand: any bytes out, replies and the end recorded. */
export class RawGrpcCall {
  readonly stream: ClientHttp2Stream;
  readonly replies: SessionReply__Output[] = [];
  httpStatus: number | undefined;
  grpcStatus: number | undefined;
  isClosed = false;
  readonly closed: Promise<void>;

  constructor(session: ClientHttp2Session, options: { path?: string; contentType?: string; isReading?: boolean } = {}) {
    const { path = SESSION_PATH, contentType = 'application/grpc', isReading = true } = options;
    this.stream = session.request({ ':method': 'POST', ':path': path, 'content-type': contentType, te: 'trailers' });
    const reader = new LengthPrefixedReader(10_000_000);
    this.stream.on('response', (headers) => {
      this.httpStatus = headers[':status'];
      if (headers['grpc-status'] !== undefined) this.grpcStatus = Number(headers['grpc-status']);
    });
    this.stream.on('trailers', (trailers) => {
      this.grpcStatus = Number(trailers['grpc-status']);
    });
    if (isReading) {
      this.stream.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        for (let message = reader.next(); message !== undefined; message = reader.next())
          this.replies.push(decodeSessionReply(message));
      });
    }
    this.stream.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.stream.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  send(request: SessionRequest): void {
    this.stream.write(withLengthPrefix(encodeSessionRequest(request)));
  }

  sendBytes(bytes: Buffer): void {
    if (!this.stream.destroyed) this.stream.write(bytes);
  }

  get failureCode(): string | undefined {
    return this.replies.find((reply) => reply.failure)?.failure?.code;
  }
}
