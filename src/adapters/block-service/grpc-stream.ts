import { constants, type ServerHttp2Stream } from 'node:http2';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { LengthPrefixedReader, withLengthPrefix } from '../wire/length-prefixed-reader.ts';
import { MAX_MESSAGE_BYTES } from '../wire/limits.ts';

/** Unread bytes above which a stream is paused; HTTP/2 flow control then holds the client back. */
const MAX_UNREAD_BYTES = 2 * 1024 * 1024;

/** How long a finished stream may take to reach its client before it is torn down. */
const LINGER_MS = 5_000;

const RESPONSE_HEADERS = { ':status': 200, 'content-type': 'application/grpc+proto' };

export interface GrpcStreamListener {
  /** A message can be taken with `next`. Called until `next` has returned undefined. */
  readable(): void;
  /** The client has sent all it wants to send. */
  halfClosed(): void;
  /** The stream is gone, whatever the cause. Called exactly once. */
  closed(): void;
}

/** The server's side of one gRPC call on a node:http2 stream: messages in, messages and a status out. */
export class GrpcStream {
  readonly #stream: ServerHttp2Stream;
  readonly #reader = new LengthPrefixedReader(MAX_MESSAGE_BYTES);
  #hasHeaders = false;
  #isFinished = false;

  constructor(stream: ServerHttp2Stream, listener: GrpcStreamListener) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      if (this.#isFinished) return;
      this.#reader.push(chunk);
      if (this.#reader.bufferedBytes > MAX_UNREAD_BYTES) stream.pause();
      listener.readable();
    });
    stream.on('end', () => listener.halfClosed());
    stream.once('close', () => {
      this.#isFinished = true;
      listener.closed();
    });
    // 'close' follows every 'error'; there is nobody to tell but the closed connection.
    stream.on('error', () => {});
  }

  /** The next whole message. @throws DispatcherError as `LengthPrefixedReader.next` */
  next(): Buffer | undefined {
    if (this.#isFinished) return undefined;
    const message = this.#reader.next();
    if (this.#stream.isPaused() && this.#reader.bufferedBytes <= MAX_UNREAD_BYTES) this.#stream.resume();
    return message;
  }

  /**
   * Sends one message. Resolves when the client's window and the socket have room for more, or when
   * the stream is gone; awaiting it before the next message bounds what a slow reader can pile up.
   */
  send(message: Buffer): Promise<void> | undefined {
    if (this.#isFinished || isGone(this.#stream)) return undefined;
    if (message.byteLength > MAX_MESSAGE_BYTES)
      throw new DispatcherError(
        'DSP_REQUEST_TOO_LARGE',
        `A reply of ${message.byteLength} bytes is above the limit of ${MAX_MESSAGE_BYTES}.`,
      );
    this.#respond();
    if (this.#stream.write(withLengthPrefix(message))) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.once('drain', done);
      this.#stream.once('close', done);
    });
  }

  /** Ends the call with a gRPC status. Idempotent. */
  finish(status: number, message = ''): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const stream = this.#stream;
    if (isGone(stream)) return;
    const trailers = {
      'grpc-status': String(status),
      ...(message === '' ? {} : { 'grpc-message': encodeURI(message) }),
    };
    if (this.#hasHeaders) {
      stream.once('wantTrailers', () => {
        if (isGone(stream)) return;
        stream.sendTrailers(trailers);
        this.#release();
      });
      stream.end();
    } else {
      stream.respond({ ...RESPONSE_HEADERS, ...trailers }, { endStream: true });
      this.#release();
    }
    // What the client still sends is dropped.
    stream.resume();
    const linger = setTimeout(() => stream.destroy(), LINGER_MS);
    stream.once('close', () => clearTimeout(linger));
  }

  /** The status is out: a client that never ends its half would occupy the stream for ever, so it is reset. */
  #release(): void {
    const stream = this.#stream;
    setImmediate(() => {
      if (!stream.readableEnded && !isGone(stream)) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  #respond(): void {
    if (this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
  }
}

/** Reset by the client, perhaps a moment before 'close' tells so; node then throws at every use. */
function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
