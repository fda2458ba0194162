import { endianness } from 'node:os';
import { float16BytesOf, floatsFromBfloat16, floatsFromFloat16 } from './half-floats.ts';
import type { WireTensor } from './messages.ts';

const IS_LITTLE_ENDIAN = endianness() === 'LE';

/** hivemind's compressions that lose no more than the dtype does; the others are not asked for. */
const COMPRESSION_NONE = 0;
const COMPRESSION_FLOAT16 = 2;

/** How hidden states are sent. float16 halves the bytes and rounds every value. */
export type HiddenDtype = 'float32' | 'float16';

/** Stands for an argument that is not given: no prompts, no reordering of hypotheses. */
export const NO_PROMPTS: WireTensor = { buffer: Buffer.alloc(0), size: [0], dtype: 'float32', compression: 0 };
export const NO_HYPOTHESES: WireTensor = { buffer: Buffer.alloc(0), size: [0], dtype: 'int64', compression: 0 };

/** hidden: float32[rows, hiddenSize] as a batch of one. The bytes may share memory with `hidden`. */
export function encodeHidden(hidden: Float32Array, rows: number, hiddenSize: number, dtype: HiddenDtype): WireTensor {
  const size = [1, rows, hiddenSize];
  if (dtype === 'float16')
    return { buffer: float16BytesOf(hidden), size, dtype: 'float32', compression: COMPRESSION_FLOAT16 };
  const bytes = Buffer.from(hidden.buffer, hidden.byteOffset, hidden.byteLength);
  return {
    buffer: IS_LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap32(),
    size,
    dtype: 'float32',
    compression: COMPRESSION_NONE,
  };
}

/** What is wrong with a tensor, or its rows and values: float32[rows, hiddenSize], any bit patterns. */
export type DecodedHidden =
  | { readonly kind: 'hidden'; readonly rows: number; readonly hidden: Float32Array }
  | { readonly kind: 'malformed'; readonly problem: string };

/** Checks shape, dtype, compression and byte length of a server's answer, and widens it to float32. */
export function decodeHidden(tensor: WireTensor | undefined, hiddenSize: number): DecodedHidden {
  if (tensor === undefined) return malformed('no tensor');
  const { size, dtype, compression, buffer } = tensor;
  const [batch, rows, columns] = size;
  if (size.length !== 3 || batch !== 1 || rows === undefined || columns !== hiddenSize)
    return malformed(`shape [${size.slice(0, 4).join(', ')}] in place of [1, rows, ${hiddenSize}]`);
  const values = rows * hiddenSize;
  const width = widthOf(dtype, compression, values, buffer.byteLength);
  if (width === undefined) return malformed(`dtype "${dtype.slice(0, 16)}" with compression ${compression}`);
  if (buffer.byteLength !== values * bytesOf(width))
    return malformed(`${buffer.byteLength} bytes in place of ${values * bytesOf(width)} for ${rows} rows`);
  return { kind: 'hidden', rows, hidden: widen(buffer, values, width) };
}

type Width = 'float32' | 'float16' | 'bfloat16';

function widthOf(dtype: string, compression: number, values: number, byteLength: number): Width | undefined {
  if (compression === COMPRESSION_FLOAT16) return 'float16';
  if (compression !== COMPRESSION_NONE) return undefined;
  // hivemind sends bfloat16 as float32 unless told otherwise, and names it bfloat16 all the same.
  if (dtype === 'bfloat16') return byteLength === values * 4 ? 'float32' : 'bfloat16';
  return dtype === 'float32' || dtype === 'float16' ? dtype : undefined;
}

function bytesOf(width: Width): number {
  return width === 'float32' ? 4 : 2;
}

function widen(buffer: Buffer, values: number, width: Width): Float32Array {
  if (width === 'float16') return floatsFromFloat16(buffer, values);
  if (width === 'bfloat16') return floatsFromBfloat16(buffer, values);
  // A Float32Array must start at a multiple of four bytes; a field inside a message seldom does.
  const hidden = new Float32Array(values);
  const bytes = Buffer.from(hidden.buffer);
  buffer.copy(bytes);
  if (!IS_LITTLE_ENDIAN) bytes.swap32();
  return hidden;
}

function malformed(problem: string): DecodedHidden {
  return { kind: 'malformed', problem };
}
