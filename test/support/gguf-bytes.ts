/** Writes GGUF files, sound and broken, for tests. */
export type GgufEntry = readonly [key: string, type: number, value: Uint8Array];

export interface GgufTensorBytes {
  readonly name: string;
  /** As in the file: the contiguous dimension first. */
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
}

const ALIGNMENT = 32;

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function f32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

export function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

export const entry = {
  u32: (key: string, value: number): GgufEntry => [key, 4, u32(value)],
  f32: (key: string, value: number): GgufEntry => [key, 6, f32(value)],
  bool: (key: string, value: boolean): GgufEntry => [key, 7, Uint8Array.of(value ? 1 : 0)],
  text: (key: string, value: string): GgufEntry => [key, 8, text(value)],
  texts: (key: string, values: readonly string[]): GgufEntry => [
    key,
    9,
    Buffer.concat([u32(8), u64(values.length), ...values.map(text)]),
  ],
  u32s: (key: string, values: readonly number[]): GgufEntry => [
    key,
    9,
    Buffer.concat([u32(4), u64(values.length), ...values.map(u32)]),
  ],
};

export function ggufBytes(entries: readonly GgufEntry[], tensors: readonly GgufTensorBytes[]): Uint8Array {
  const infos: Uint8Array[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { name, dimensions, type, bytes } of tensors) {
    infos.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset));
    const padding = new Uint8Array((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT);
    parts.push(bytes, padding);
    offset += bytes.length + padding.length;
  }
  const metadata = entries.flatMap(([key, type, value]) => [text(key), u32(type), value]);
  const start = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)];
  const header = Buffer.concat([...start, ...metadata, ...infos]);
  const padding = new Uint8Array((ALIGNMENT - (header.length % ALIGNMENT)) % ALIGNMENT);
  return Buffer.concat([header, padding, ...parts]);
}
