/** A file of `header` and `data`; `headerBytes` overrides the length that the file claims for its header. */
export function safetensorsBytes(header: unknown, data: Uint8Array, headerBytes?: bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'utf8');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(headerBytes ?? BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}
