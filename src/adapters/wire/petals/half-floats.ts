/** Scratch to see the bits of a float32. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Little-endian float16 of each value, rounded to the nearest, ties to even. */
export function float16BytesOf(values: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 2);
  for (let i = 0; i < values.length; i += 1) bytes.writeUInt16LE(float16BitsOf(values[i] as number), i * 2);
  return bytes;
}

/** @param count values; `bytes` holds two bytes for each */
export function floatsFromFloat16(bytes: Buffer, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 1) values[i] = floatOfFloat16Bits(bytes.readUInt16LE(i * 2));
  return values;
}

/** bfloat16 is the upper half of a float32. @param count values; `bytes` holds two bytes for each */
export function floatsFromBfloat16(bytes: Buffer, count: number): Float32Array {
  const values = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) values[i] = bytes.readUInt16LE(i * 2) << 16;
  return new Float32Array(values.buffer);
}

function float16BitsOf(value: number): number {
  float[0] = value;
  const all = bits[0] as number;
  const sign = (all >>> 16) & 0x8000;
  const exponent = ((all >>> 23) & 0xff) - 127;
  const fraction = all & 0x7f_ffff;
  if (exponent === 128) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent > 15) return sign | 0x7c00;
  if (exponent >= -14) return sign | (((exponent + 15) << 10) + roundShift(fraction, 13));
  // Below the normal numbers the leading one becomes part of the fraction.
  if (exponent >= -25) return sign | roundShift(fraction | 0x80_0000, 13 + (-14 - exponent));
  return sign;
}

/** A carry out of the fraction moves into the exponent, which is what rounding up to the next power means. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const half = 1 << (shift - 1);
  const rest = value & ((1 << shift) - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

function floatOfFloat16Bits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
