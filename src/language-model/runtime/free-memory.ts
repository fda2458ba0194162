/**
 * Releases the memory of an array at once, by moving it to a buffer of no length: the garbage collector may
 * come long after the next block or session needs it. The array must be the only one in its buffer.
 */
export function freeMemory(values: Float32Array | Uint8Array): void {
  (values.buffer as ArrayBuffer).transfer(0);
}
