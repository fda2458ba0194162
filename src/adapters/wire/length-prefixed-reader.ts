import { DispatcherError } from '../../domain/shared/errors.ts';

const PREFIX_BYTES = 5;

/**
 * Cuts a byte stream into gRPC messages: one byte of flags (0: not compressed), four bytes of
 * big-endian length, the message. A message's length is checked before anything is kept for it.
 */
export class LengthPrefixedReader {
  readonly #maxMessageBytes: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** Length of the message whose prefix was taken, -1 before. */
  #messageBytes = -1;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes pushed and not yet returned. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.byteLength;
  }

  /**
   * The next whole message, or undefined until more bytes come.
   * @throws DispatcherError DSP_REQUEST_TOO_LARGE, DSP_UNSUPPORTED (compressed); the stream is then useless
   */
  next(): Buffer | undefined {
    if (this.#messageBytes < 0) {
      if (this.#bufferedBytes < PREFIX_BYTES) return undefined;
      const prefix = this.#take(PREFIX_BYTES);
      if (prefix[0] !== 0)
        throw new DispatcherError('DSP_UNSUPPORTED', 'Compressed messages are not supported: send them uncompressed.');
      const length = prefix.readUInt32BE(1);
      if (length > this.#maxMessageBytes) {
        throw new DispatcherError(
          'DSP_REQUEST_TOO_LARGE',
          `A message of ${length} bytes is above the limit of ${this.#maxMessageBytes}: send the step in parts.`,
        );
      }
      this.#messageBytes = length;
    }
    if (this.#bufferedBytes < this.#messageBytes) return undefined;
    const message = this.#take(this.#messageBytes);
    this.#messageBytes = -1;
    return message;
  }

  #take(byteCount: number): Buffer {
    this.#bufferedBytes -= byteCount;
    const first = this.#chunks[0];
    if (first === undefined) return Buffer.alloc(0);
    if (first.byteLength > byteCount) {
      this.#chunks[0] = first.subarray(byteCount);
      return first.subarray(0, byteCount);
    }
    if (first.byteLength === byteCount) {
      this.#chunks.shift();
      return first;
    }
    const all = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#chunks = all.byteLength > byteCount ? [all.subarray(byteCount)] : [];
    return all.subarray(0, byteCount);
  }
}

/** A message with its prefix, in one buffer. */
export function withLengthPrefix(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}
