import { base58Of } from './base58.ts';

/** Codes of https://github.com/multiformats/multiaddr/blob/master/protocols.csv that a TCP peer's address is made of. */
const IP4 = 0x04;
const TCP = 0x06;
const IP6 = 0x29;
const DNS_NAMES: ReadonlyMap<number, string> = new Map([
  [0x35, 'dns'],
  [0x36, 'dns4'],
  [0x37, 'dns6'],
]);
const P2P = 0x01a5;

const MAX_BYTES = 512;

/**
 * The text of a binary multiaddr made of an IP address or name, a TCP port and perhaps a peer id;
 * undefined for every other (relays and other transports are not dialled) and for malformed bytes.
 */
export function multiaddrText(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  const reader = new ByteReader(bytes);
  let text = '';
  while (!reader.isAtEnd) {
    const part = nextPart(reader);
    if (part === undefined) return undefined;
    text += part;
  }
  return text;
}

function nextPart(reader: ByteReader): string | undefined {
  const code = reader.varint();
  if (code === undefined) return undefined;
  if (code === IP4) return prefixed('ip4', reader.take(4)?.join('.'));
  if (code === IP6) return prefixed('ip6', ip6Text(reader.take(16)));
  if (code === TCP) {
    const port = reader.take(2);
    return port && `/tcp/${(port[0] as number) * 256 + (port[1] as number)}`;
  }
  const name = DNS_NAMES.get(code);
  if (name === undefined && code !== P2P) return undefined;
  const length = reader.varint();
  const value = length === undefined ? undefined : reader.take(length);
  if (value === undefined) return undefined;
  return name === undefined ? prefixed('p2p', base58Of(value)) : prefixed(name, Buffer.from(value).toString('latin1'));
}

function prefixed(name: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `/${name}/${value}`;
}

function ip6Text(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16));
  const text = groups.join(':');
  return text === '0:0:0:0:0:0:0:1' ? '::1' : text;
}

class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Up to three bytes: no code or length here is longer. */
  varint(): number | undefined {
    let value = 0;
    for (let shift = 0; shift <= 14; shift += 7) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return undefined;
      this.#at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  take(count: number): Uint8Array | undefined {
    if (this.#at + count > this.#bytes.length) return undefined;
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}
