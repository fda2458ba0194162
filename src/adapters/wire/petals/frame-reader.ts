import { DispatcherError } from '../../../domain/shared/errors.ts';

/** One message of a stream. */
export interface Frame {
  /** 0 a message, 1 an error or the end; always 0 where frames carry no marker. */
  readonly marker: number;
  readonly body: Buffer;
}

/** What stands before a body, or undefined until more bytes are there. */
type ReadPrefix = (bytes: Buffer) => { readonly marker: number; readonly length: number } | undefined;

/** A marker byte and eight bytes of big-endian length: streams of messages. */
export function readMarkerPrefix(bytes: Buffer): ReturnType<ReadPrefix> {
  if (bytes.length < 9) return undefined;
  return { marker: bytes.readUInt8(0), length: Number(bytes.readBigUInt64BE(1)) };
}

/** A varint: calls of one message each way. */
export function readVarintPrefix(bytes: Buffer): ReturnType<ReadPrefix> {
  const last = bytes[bytes.length - 1];
  if (last === undefined || last >= 0x80) {
    if (bytes.length >= 5) throw new DispatcherError('DSP_BAD_OUTPUT', 'a message begins with a length that is none');
    return undefined;
  }
  let length = 0;
  for (let i = bytes.length - 1; i >= 0; i -= 1) length = length * 128 + ((bytes[i] as number) & 0x7f);
  return { marker: 0, length };
}

const LONGEST_PREFIX_BYTES = 9;

/**
 * Cuts a byte stream into messages. A length is checked before anything is kept for it, and the body
 * is gathered in one buffer however small the pieces it comes in.
 */
export class FrameReader {
  readonly #readPrefix: ReadPrefix;
  readonly #maxBodyBytes: number;
  readonly #prefix = Buffer.alloc(LONGEST_PREFIX_BYTES);
  #prefixBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #marker = 0;

  constructor(readPrefix: ReadPrefix, maxBodyBytes: number) {
    this.#readPrefix = readPrefix;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /**
   * The messages that end within these bytes.
   * @throws DispatcherError DSP_BAD_OUTPUT for one above the limit; the stream is then useless
   */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#body === undefined) {
        this.#prefix[this.#prefixBytes] = bytes[at] as number;
        this.#prefixBytes += 1;
        at += 1;
        this.#startBody();
      } else {
        const count = Math.min(bytes.length - at, this.#body.length - this.#bodyBytes);
        this.#body.set(bytes.subarray(at, at + count), this.#bodyBytes);
        this.#bodyBytes += count;
        at += count;
      }
      if (this.#body !== undefined && this.#bodyBytes === this.#body.length) {
        frames.push({ marker: this.#marker, body: this.#body });
        this.#body = undefined;
        this.#bodyBytes = 0;
      }
    }
    return frames;
  }

  #startBody(): void {
    const prefix = this.#readPrefix(this.#prefix.subarray(0, this.#prefixBytes));
    if (prefix === undefined) return;
    this.#prefixBytes = 0;
    if (prefix.length > this.#maxBodyBytes) {
      throw new DispatcherError(
        'DSP_BAD_OUTPUT',
        `a message of ${prefix.length} bytes is above the limit of ${this.#maxBodyBytes}`,
      );
    }
    this.#marker = prefix.marker;
    this.#body = Buffer.allocUnsafe(prefix.length);
  }
}

/** A message of a stream. */
export function withMarker(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(9 + message.byteLength);
  framed[0] = 0;
  framed.writeBigUInt64BE(BigInt(message.byteLength), 1);
  framed.set(message, 9);
  return framed;
}

/** Tells a server that the client sends no more: marker 1 with nothing behind it. */
export const END_OF_MESSAGES: Buffer = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0]);

/** A message of a call. */
export function withVarint(message: Uint8Array): Buffer {
  const prefix: number[] = [];
  let length = message.byteLength;
  for (; length >= 0x80; length >>>= 7) prefix.push((length & 0x7f) | 0x80);
  prefix.push(length);
  return Buffer.concat([Buffer.from(prefix), message]);
}
