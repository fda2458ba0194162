import { endianness } from 'node:os';
import type { Tensor, Tensor__Output } from './generated/daisychain/v1/Tensor.ts';

/** The dtype of hidden states on the wire. */
export const WIRE_DTYPE = 'float32';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
const IS_LITTLE_ENDIAN = endianness() === 'LE';

/** Frames hidden: float32[rows, hiddenSize]. The bytes share memory with `hidden` on little-endian machines. */
export function encodeTensor(hidden: Float32Array, rows: number, hiddenSize: number): Tensor {
  return { dtype: WIRE_DTYPE, shape: [rows, hiddenSize], data: toLittleEndian(hidden) };
}

/** What is wrong with a tensor, or its rows and values: float32[rows, hiddenSize], any bit patterns. */
export type DecodedTensor =
  | { readonly kind: 'tensor'; readonly rows: number; readonly hidden: Float32Array }
  | { readonly kind: 'malformed'; readonly problem: string };

/** Checks dtype, shape and byte length. The values are the caller's own. */
export function decodeTensor(tensor: Tensor__Output | null | undefined, hiddenSize: number): DecodedTensor {
  if (tensor === null || tensor === undefined) return malformed('no tensor');
  if (tensor.dtype !== WIRE_DTYPE) return malformed(`dtype "${tensor.dtype.slice(0, 16)}" in place of "${WIRE_DTYPE}"`);
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns !== hiddenSize) {
    return malformed(`shape [${tensor.shape.slice(0, 4).join(', ')}] in place of [rows, ${hiddenSize}]`);
  }
  const expectedBytes = rows * hiddenSize * BYTES;
  if (tensor.data.byteLength !== expectedBytes) {
    return malformed(`${tensor.data.byteLength} bytes in place of ${expectedBytes} for shape [${rows}, ${hiddenSize}]`);
  }
  return { kind: 'tensor', rows, hidden: fromLittleEndian(tensor.data) };
}

/** True when no value is NaN or infinite. */
export function isFinite32(hidden: Float32Array): boolean {
  // 0 * x is 0 for every finite x and NaN for the others, and NaN stays in a sum.
  let sum = 0;
  for (let i = 0; i < hidden.length; i += 1) sum += 0 * (hidden[i] as number);
  return sum === 0;
}

function toLittleEndian(hidden: Float32Array): Buffer {
  const bytes = Buffer.from(hidden.buffer, hidden.byteOffset, hidden.byteLength);
  return IS_LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap32();
}

/** Always a copy: a field inside a message seldom starts at a multiple of four bytes, as a Float32Array must. */
function fromLittleEndian(data: Buffer): Float32Array {
  const copy = new Float32Array(data.byteLength / BYTES);
  const bytes = Buffer.from(copy.buffer);
  data.copy(bytes);
  if (!IS_LITTLE_ENDIAN) bytes.swap32();
  return copy;
}

function malformed(problem: string): DecodedTensor {
  return { kind: 'malformed', problem };
}
