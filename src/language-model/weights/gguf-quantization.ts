import { float16Value, widenFloat16 } from './half-floats.ts';

/** How one ggml storage type keeps its values: groups of `groupValues` values in `groupBytes` bytes. */
export interface GgufStorage {
  readonly name: string;
  readonly groupValues: number;
  readonly groupBytes: number;
  /** Writes `target.length` values, a whole number of groups. `bytes` starts at an even offset of its buffer. */
  widen(bytes: Uint8Array, target: Float32Array): void;
}

const GROUP = 32;
const HALF_GROUP = GROUP / 2;

/** The supported storage types by ggml's numbers (ggml.h, enum ggml_type; layouts in ggml-quants.c). */
export const GGUF_STORAGES: ReadonlyMap<number, GgufStorage> = new Map([
  [0, { name: 'F32', groupValues: 1, groupBytes: 4, widen: widenFloat32 }],
  [1, { name: 'F16', groupValues: 1, groupBytes: 2, widen: widenHalf }],
  [3, { name: 'Q4_1', groupValues: GROUP, groupBytes: 20, widen: widenQ4x1 }],
  [8, { name: 'Q8_0', groupValues: GROUP, groupBytes: 34, widen: widenQ8x0 }],
]);

function widenFloat32(bytes: Uint8Array, target: Float32Array): void {
  new Uint8Array(target.buffer, target.byteOffset, bytes.length).set(bytes);
}

function widenHalf(bytes: Uint8Array, target: Float32Array): void {
  widenFloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, target.length), target);
}

/** float16 scale, float16 minimum, then 32 values of 4 bits: the low halves of 16 bytes first, the high halves after. */
function widenQ4x1(bytes: Uint8Array, target: Float32Array): void {
  let at = 0;
  for (let first = 0; first < target.length; first += GROUP) {
    const scale = float16At(bytes, at);
    const minimum = float16At(bytes, at + 2);
    at += 4;
    for (let i = 0; i < HALF_GROUP; i += 1) {
      const pair = bytes[at + i] ?? 0;
      target[first + i] = (pair & 15) * scale + minimum;
      target[first + HALF_GROUP + i] = (pair >> 4) * scale + minimum;
    }
    at += HALF_GROUP;
  }
}

/** float16 scale, then 32 signed bytes. */
function widenQ8x0(bytes: Uint8Array, target: Float32Array): void {
  let at = 0;
  for (let first = 0; first < target.length; first += GROUP) {
    const scale = float16At(bytes, at);
    at += 2;
    for (let i = 0; i < GROUP; i += 1) target[first + i] = (((bytes[at + i] ?? 0) << 24) >> 24) * scale;
    at += GROUP;
  }
}

function float16At(bytes: Uint8Array, at: number): number {
  return float16Value((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
}
