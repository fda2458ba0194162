import type { FileHandle } from 'node:fs/promises';
import { badWeights } from './bad-weights.ts';

/** A value of GGUF metadata; 64-bit integers come as numbers, exact up to 2^53. */
export type GgufValue = number | boolean | string | readonly (number | boolean | string)[];

export interface GgufTensor {
  /** ggml's number of the storage type. */
  readonly type: number;
  /** Row-major, the last dimension contiguous: the reverse of the order in the file. */
  readonly shape: readonly number[];
  /** Offset in the file. */
  readonly start: number;
}

export interface GgufHeader {
  /** Without the arrays, unless they were asked for. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Lengths of the arrays, which hold most of the header and are read only for the tokenizer. */
  readonly arrayLengths: ReadonlyMap<string, number>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 'GGUF';
const FIRST_READ_BYTES = 4 * 1024 * 1024;
/** Vocabulary and merges of the largest tokenizers take about 20 MB. */
const MAX_HEADER_BYTES = 128 * 1024 * 1024;
const MAX_ENTRIES = 65_536;
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;

/** Type numbers of metadata values, from ggml's gguf.md. */
const TYPE_STRING = 8;
const TYPE_ARRAY = 9;

/**
 * Header of a GGUF file, version 2 or 3, little-endian (github.com/ggml-org/ggml, docs/gguf.md).
 * Sizes in it are checked against what was read, so a hostile header cannot ask for memory or loops of its own.
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function readGgufHeader(
  path: string,
  handle: FileHandle,
  fileBytes: number,
  withArrays: boolean,
): Promise<GgufHeader> {
  for (let wanted = FIRST_READ_BYTES; ; wanted *= 4) {
    const bytes = Buffer.alloc(Math.min(wanted, fileBytes, MAX_HEADER_BYTES));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    const isWhole = bytes.length === Math.min(fileBytes, MAX_HEADER_BYTES);
    try {
      return parseHeader(path, new GgufReader(path, bytes.subarray(0, bytesRead)), fileBytes, withArrays);
    } catch (error) {
      if (!(error instanceof EndOfHeader)) throw error;
      if (isWhole) throw badWeights(path, 'header', 'is cut short or too long');
    }
  }
}

function parseHeader(path: string, reader: GgufReader, fileBytes: number, withArrays: boolean): GgufHeader {
  if (reader.text(MAGIC.length) !== MAGIC) throw badWeights(path, '', 'is no GGUF file');
  const version = reader.scalar(4);
  if (version !== 2 && version !== 3) throw badWeights(path, 'version', `is ${version}; 2 and 3 are supported`);
  const tensorCount = reader.size('tensor_count', MAX_ENTRIES);
  const metadataCount = reader.size('metadata_kv_count', MAX_ENTRIES);
  const metadata = new Map<string, GgufValue>();
  const arrayLengths = new Map<string, number>();
  for (let i = 0; i < metadataCount; i += 1) {
    const key = reader.string();
    const type = reader.scalar(4);
    if (type !== TYPE_ARRAY) metadata.set(key, reader.single(key, type));
    else {
      const values = reader.array(key, withArrays);
      arrayLengths.set(key, values.length);
      if (values.kept !== undefined) metadata.set(key, values.kept);
    }
  }
  const entries: { name: string; type: number; shape: number[]; offset: number }[] = [];
  for (let i = 0; i < tensorCount; i += 1) {
    const name = reader.string();
    const dimensions = reader.scalar(4);
    if (dimensions > MAX_DIMENSIONS) throw badWeights(path, name, `has ${dimensions} dimensions`);
    const shape = Array.from({ length: dimensions }, () => reader.size(name, Number.MAX_SAFE_INTEGER)).reverse();
    const type = reader.scalar(4);
    entries.push({ name, type, shape, offset: reader.size(name, fileBytes) });
  }
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 65_536) {
    throw badWeights(path, 'general.alignment', 'must be a whole number from 1 to 65536');
  }
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  const tensors = new Map(
    entries.map(({ name, type, shape, offset }) => [name, { type, shape, start: dataStart + offset }]),
  );
  return { metadata, arrayLengths, tensors };
}

/** What was read of the file ends before the header does. */
class EndOfHeader extends Error {}

class GgufReader {
  readonly #path: string;
  readonly #bytes: Buffer;
  position = 0;

  constructor(path: string, bytes: Buffer) {
    this.#path = path;
    this.#bytes = bytes;
  }

  text(length: number): string {
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  string(): string {
    return this.text(this.size('string', MAX_HEADER_BYTES));
  }

  /** An unsigned 64-bit number of at most `max`. */
  size(field: string, max: number): number {
    const value = this.#bytes.readBigUInt64LE(this.#take(8));
    if (value > BigInt(max)) throw badWeights(this.#path, field, `has the size ${value}; at most ${max} is possible`);
    return Number(value);
  }

  /** An array, or only its length when it is not kept. */
  array(key: string, isKept: boolean): { length: number; kept: GgufValue | undefined } {
    const elementType = this.scalar(4);
    const length = this.size(key, MAX_HEADER_BYTES);
    if (elementType === TYPE_ARRAY) throw badWeights(this.#path, key, 'is an array of arrays');
    if (!isKept) {
      for (let i = 0; i < length; i += 1) this.#skip(key, elementType);
      return { length, kept: undefined };
    }
    const values: (number | boolean | string)[] = [];
    // Grows only as elements are really there, whatever the length claims.
    for (let i = 0; i < length; i += 1) values.push(this.single(key, elementType));
    return { length, kept: values };
  }

  scalar(type: number): number {
    const value = this.single('header', type);
    return typeof value === 'number' ? value : 0;
  }

  single(key: string, type: number): number | boolean | string {
    const bytes = this.#bytes;
    switch (type) {
      case 0:
        return bytes.readUInt8(this.#take(1));
      case 1:
        return bytes.readInt8(this.#take(1));
      case 2:
        return bytes.readUInt16LE(this.#take(2));
      case 3:
        return bytes.readInt16LE(this.#take(2));
      case 4:
        return bytes.readUInt32LE(this.#take(4));
      case 5:
        return bytes.readInt32LE(this.#take(4));
      case 6:
        return bytes.readFloatLE(this.#take(4));
      case 7:
        return bytes.readUInt8(this.#take(1)) !== 0;
      case TYPE_STRING:
        return this.string();
      case 10:
        return Number(bytes.readBigUInt64LE(this.#take(8)));
      case 11:
        return Number(bytes.readBigInt64LE(this.#take(8)));
      case 12:
        return bytes.readDoubleLE(this.#take(8));
      default:
        throw badWeights(this.#path, key, `has the unknown type ${type}`);
    }
  }

  #skip(key: string, type: number): void {
    if (type === TYPE_STRING) this.#take(this.size('string', MAX_HEADER_BYTES));
    else this.single(key, type);
  }

  #take(length: number): number {
    const start = this.position;
    if (start + length > this.#bytes.length) throw new EndOfHeader('the header goes on beyond what was read');
    this.position = start + length;
    return start;
  }
}
