import { invariant } from '../../../domain/shared/invariant.ts';

/** What calls to PETALS servers carry as metadata. A list stands where Python would send a tuple: servers take both. */
export type MsgpackInput =
  | string
  | number
  | boolean
  | null
  | readonly MsgpackInput[]
  | { readonly [key: string]: MsgpackInput | undefined };

/** The msgpack of a value of our own; keys that are undefined are left out. */
export function encodeMsgpack(value: MsgpackInput): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: MsgpackInput, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.of(0xc0));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xc3 : 0xc2));
  else if (typeof value === 'number') parts.push(numberBytes(value));
  else if (typeof value === 'string') writeText(value, parts);
  else if (Array.isArray(value)) {
    parts.push(header(0x90, 15, 0xdc, value.length));
    for (const item of value as readonly MsgpackInput[]) write(item, parts);
  } else {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    parts.push(header(0x80, 15, 0xde, entries.length));
    for (const [key, item] of entries) {
      writeText(key, parts);
      write(item as MsgpackInput, parts);
    }
  }
}

function writeText(text: string, parts: Buffer[]): void {
  const bytes = Buffer.from(text);
  if (bytes.length > 31 && bytes.length < 256) parts.push(Buffer.of(0xd9, bytes.length));
  else parts.push(header(0xa0, 31, 0xda, bytes.length));
  parts.push(bytes);
}

/** A length inside the first byte, or in the two after it. */
function header(shortTag: number, shortMax: number, longTag: number, length: number): Buffer {
  invariant(length <= 0xffff, 'metadata of our own is short');
  if (length <= shortMax) return Buffer.of(shortTag | length);
  return Buffer.of(longTag, length >> 8, length & 0xff);
}

function numberBytes(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 0x80) return Buffer.of(value);
  const isUnsigned32 = Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
  const bytes = Buffer.alloc(isUnsigned32 ? 5 : 9);
  bytes[0] = isUnsigned32 ? 0xce : 0xcb;
  if (isUnsigned32) bytes.writeUInt32BE(value, 1);
  else bytes.writeDoubleBE(value, 1);
  return bytes;
}
