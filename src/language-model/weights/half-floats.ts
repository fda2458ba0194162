/** float32 values of all 65,536 float16 bit patterns, made on first use: a table is several times faster than arithmetic. */
let float16Values: Float32Array | undefined;

/** IEEE 754 binary16 to float32. `bits` and `target` have the same length. */
export function widenFloat16(bits: Uint16Array, target: Float32Array): void {
  float16Values ??= computeFloat16Values();
  for (let i = 0; i < bits.length; i += 1) target[i] = float16Values[bits[i] ?? 0] ?? 0;
}

/** One float16 bit pattern as a number. */
export function float16Value(bits: number): number {
  float16Values ??= computeFloat16Values();
  return float16Values[bits & 0xffff] ?? 0;
}

/** bfloat16 (the upper half of a float32) to float32. `bits` and `target` have the same length. */
export function widenBfloat16(bits: Uint16Array, target: Float32Array): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < bits.length; i += 1) words[i] = (bits[i] ?? 0) << 16;
}

function computeFloat16Values(): Float32Array {
  const values = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits += 1) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[bits] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}
