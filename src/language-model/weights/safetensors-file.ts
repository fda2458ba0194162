import { type FileHandle, open } from 'node:fs/promises';
import { badWeights } from './bad-weights.ts';
import { widenBfloat16, widenFloat16 } from './half-floats.ts';
import { isJsonObject, type JsonObject, parseJsonObject } from './json-file.ts';
import { readFully } from './read-fully.ts';

/** The format's own limit of its header, bytes. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_PREFIX_BYTES = 8;
/** Values are converted in pieces, so that no second copy of a large tensor is needed. Bytes, a multiple of 4. */
const PIECE_BYTES = 4 * 1024 * 1024;

const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
type ElementType = keyof typeof ELEMENT_BYTES;

interface TensorEntry {
  readonly type: string;
  readonly shape: readonly number[];
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * One file in the safetensors format: 8 bytes length, a JSON header, then the values of all tensors
 * (github.com/huggingface/safetensors, "Format"). Only the header is read at opening.
 */
export class SafetensorsFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #entries: ReadonlyMap<string, TensorEntry>;

  private constructor(path: string, handle: FileHandle, entries: ReadonlyMap<string, TensorEntry>) {
    this.path = path;
    this.#handle = handle;
    this.#entries = entries;
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS when the header does not describe the file exactly */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw badWeights(path, '', 'cannot be opened', error);
    }
    try {
      return new SafetensorsFile(path, handle, await readHeader(path, handle));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  names(): IterableIterator<string> {
    return this.#entries.keys();
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws DispatcherError DSP_BAD_WEIGHTS */
  async read(name: string, shape: readonly number[], target?: Float32Array): Promise<Float32Array> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw badWeights(this.path, name, 'is missing');
    if (!isElementType(entry.type)) {
      throw badWeights(this.path, name, `has dtype ${entry.type}; F32, F16 and BF16 are supported`);
    }
    if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
      throw badWeights(this.path, name, `has shape [${entry.shape.join(', ')}], not [${shape.join(', ')}]`);
    }
    const values = target ?? new Float32Array(countElements(shape));
    const bytesPerElement = ELEMENT_BYTES[entry.type];
    const piece = new Uint8Array(Math.min(PIECE_BYTES, entry.end - entry.start));
    for (let offset = entry.start; offset < entry.end; offset += PIECE_BYTES) {
      const bytes = piece.subarray(0, Math.min(PIECE_BYTES, entry.end - offset));
      await readFully(this.path, this.#handle, bytes, offset);
      const first = (offset - entry.start) / bytesPerElement;
      convert(entry.type, bytes, values.subarray(first, first + bytes.length / bytesPerElement));
    }
    return values;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function readHeader(path: string, handle: FileHandle): Promise<Map<string, TensorEntry>> {
  const { size } = await handle.stat();
  const prefix = new Uint8Array(LENGTH_PREFIX_BYTES);
  await readFully(path, handle, prefix, 0);
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  const dataStart = LENGTH_PREFIX_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || dataStart > size) {
    throw badWeights(path, 'header', `claims ${headerBytes} bytes in a file of ${size}`);
  }
  const header = new Uint8Array(headerBytes);
  await readFully(path, handle, header, LENGTH_PREFIX_BYTES);
  const json = parseJsonObject(path, Buffer.from(header.buffer).toString('utf8'));
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name !== '__metadata__') entries.set(name, parseEntry(path, name, value, dataStart, size));
  }
  checkLayout(path, entries, dataStart, size);
  return entries;
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number, fileBytes: number): TensorEntry {
  const json: JsonObject = isJsonObject(value) ? value : {};
  const type = json['dtype'];
  const shape = json['shape'];
  const offsets = json['data_offsets'];
  if (typeof type !== 'string') throw badWeights(path, `${name}.dtype`, 'must be a string');
  if (!isWholeNumbers(shape)) throw badWeights(path, `${name}.shape`, 'must be a list of whole numbers');
  if (!isWholeNumbers(offsets) || offsets.length !== 2) {
    throw badWeights(path, `${name}.data_offsets`, 'must be two whole numbers');
  }
  const [from = 0, to = 0] = offsets;
  if (from > to || dataStart + to > fileBytes) {
    throw badWeights(path, `${name}.data_offsets`, `[${from}, ${to}] lie outside the file`);
  }
  // Other types may be present; reading one of them is refused.
  if (isElementType(type) && to - from !== countElements(shape) * ELEMENT_BYTES[type]) {
    throw badWeights(path, `${name}.data_offsets`, `span ${to - from} bytes, which the shape does not need`);
  }
  return { type, shape, start: dataStart + from, end: dataStart + to };
}

/** The tensors must fill the rest of the file without holes or overlaps: the format demands it, against smuggled data. */
function checkLayout(path: string, entries: ReadonlyMap<string, TensorEntry>, dataStart: number, size: number): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let next = dataStart;
  for (const [name, entry] of sorted) {
    if (entry.start !== next) throw badWeights(path, `${name}.data_offsets`, 'leave a hole or overlap another tensor');
    next = entry.end;
  }
  if (next !== size) throw badWeights(path, '', `holds ${size - next} bytes that belong to no tensor`);
}

/** `bytes` begins at the start of its buffer, so the views are aligned. All supported platforms are little-endian. */
function convert(type: ElementType, bytes: Uint8Array, target: Float32Array): void {
  const { buffer, byteOffset } = bytes;
  if (type === 'F32') target.set(new Float32Array(buffer, byteOffset, target.length));
  else if (type === 'F16') widenFloat16(new Uint16Array(buffer, byteOffset, target.length), target);
  else widenBfloat16(new Uint16Array(buffer, byteOffset, target.length), target);
}

function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isElementType(type: string): type is ElementType {
  return Object.hasOwn(ELEMENT_BYTES, type);
}

function isWholeNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
