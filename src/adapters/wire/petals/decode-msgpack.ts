import { DispatcherError } from '../../../domain/shared/errors.ts';

/** hivemind's extension types (hivemind/utils/serializer.py and hivemind/dht/storage.py). */
const TUPLE = 0x40;
const DICTIONARY_VALUE = 0x50;

const MAX_BYTES = 1_048_576;
/** Deeper than any message of PETALS; a tuple counts twice, as an extension and as an array. */
const MAX_DEPTH = 16;

/** A dictionary of the hash table; each entry should be `[subkey, value bytes, expiration]`. */
export class DictionaryValue {
  readonly entries: readonly unknown[];

  constructor(entries: readonly unknown[]) {
    this.entries = entries;
  }
}

export type MsgpackRecord = ReadonlyMap<unknown, unknown>;

/**
 * Reads one msgpack value as hivemind writes it. Maps become `Map`, tuples arrays, byte strings
 * `Uint8Array`, other extensions undefined. Written here and not taken from a package because the
 * bytes come from strangers: nothing is allocated for a length before the bytes for it are there, so
 * memory stays in proportion to the input. https://github.com/msgpack/msgpack/blob/master/spec.md
 * @throws DispatcherError DSP_BAD_OUTPUT for more than 1 MiB, more than 16 levels, or bytes that are no value
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  if (bytes.byteLength > MAX_BYTES) throw malformed(`has ${bytes.byteLength} bytes, more than ${MAX_BYTES}`);
  return new MsgpackReader(bytes, 0).whole();
}

class MsgpackReader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth: number;

  constructor(bytes: Uint8Array, depth: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depth = depth;
  }

  whole(): unknown {
    const value = this.#value();
    if (this.#at !== this.#bytes.length) throw malformed('goes on after its end');
    return value;
  }

  #value(): unknown {
    const tag = this.#take(1).readUInt8();
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f);
    if (tag < 0xa0) return this.#array(tag & 0x0f);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#unsigned(1 << (tag - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#unsigned(1 << (tag - 0xc7)));
      case 0xca:
        return this.#take(4).readFloatBE();
      case 0xcb:
        return this.#take(8).readDoubleBE();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (tag - 0xcc));
      case 0xcf:
        return Number(this.#take(8).readBigUInt64BE());
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#take(1 << (tag - 0xd0)).readIntBE(0, 1 << (tag - 0xd0));
      case 0xd3:
        return Number(this.#take(8).readBigInt64BE());
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (tag - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(2 << (tag - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 << (tag - 0xde)));
      default:
        throw malformed('has a byte that begins no value');
    }
  }

  #array(length: number): unknown[] {
    this.#enter();
    const items: unknown[] = [];
    for (let i = 0; i < length; i += 1) items.push(this.#value());
    this.#depth -= 1;
    return items;
  }

  #map(length: number): MsgpackRecord {
    this.#enter();
    const entries = new Map<unknown, unknown>();
    for (let i = 0; i < length; i += 1) {
      const key = this.#value();
      entries.set(key, this.#value());
    }
    this.#depth -= 1;
    return entries;
  }

  #extension(length: number): unknown {
    const type = this.#take(1).readInt8();
    const body = this.#take(length);
    if (type !== TUPLE && type !== DICTIONARY_VALUE) return undefined;
    this.#enter();
    const value = new MsgpackReader(body, this.#depth).whole();
    this.#depth -= 1;
    if (!Array.isArray(value)) throw malformed('has an extension that holds no list');
    if (type === TUPLE) return value;
    // [maximum size, latest expiration, entries]
    const entries = value[2];
    if (!Array.isArray(entries)) throw malformed('has a dictionary without entries');
    return new DictionaryValue(entries);
  }

  #text(length: number): string {
    return this.#take(length).toString('utf8');
  }

  #unsigned(byteCount: number): number {
    return this.#take(byteCount).readUIntBE(0, byteCount);
  }

  #take(byteCount: number): Buffer {
    const end = this.#at + byteCount;
    if (end > this.#bytes.length) throw malformed('ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw malformed(`nests deeper than ${MAX_DEPTH} levels`);
  }
}

function malformed(problem: string): DispatcherError {
  return new DispatcherError('DSP_BAD_OUTPUT', `the msgpack value ${problem}`);
}
