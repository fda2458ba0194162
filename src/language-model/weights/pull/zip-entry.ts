import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { badWeights } from '../bad-weights.ts';
import { readFully } from '../read-fully.ts';

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const MAX_CENTRAL_BYTES = 16 * 1024 * 1024;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const METHOD_STORED = 0;
const METHOD_DEFLATED = 8;

interface Entry {
  readonly method: number;
  readonly compressedBytes: number;
  readonly headerOffset: number;
}

/**
 * Unpacks one entry of a zip archive (APPNOTE.TXT of PKWARE; no zip64, no encryption) into a file.
 * @param maxBytes the unpacked entry may be no longer, whatever the archive says
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export async function extractZipEntry(
  archive: string,
  name: string,
  target: string,
  maxBytes: number,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const handle = await open(archive, 'r');
  try {
    const entry = await findEntry(archive, handle, name);
    const local = Buffer.alloc(LOCAL_BYTES);
    await readFully(archive, handle, local, entry.headerOffset);
    if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw badWeights(archive, name, 'has no header where it should be');
    const start = entry.headerOffset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (entry.compressedBytes === 0) throw badWeights(archive, name, 'is empty');
    const source = createReadStream(archive, { start, end: start + entry.compressedBytes - 1 });
    let bytes = 0;
    const counter = new Transform({
      transform(piece: Uint8Array, _, done) {
        bytes += piece.length;
        onProgress(bytes);
        if (bytes > maxBytes) done(badWeights(archive, name, `unpacks to more than ${maxBytes} bytes`));
        else done(null, piece);
      },
    });
    const sink = createWriteStream(target);
    if (entry.method === METHOD_STORED) await pipeline(source, counter, sink);
    else if (entry.method === METHOD_DEFLATED) await pipeline(source, createInflateRaw(), counter, sink);
    else throw badWeights(archive, name, `is compressed by the unknown method ${entry.method}`);
  } finally {
    await handle.close();
  }
}

async function findEntry(archive: string, handle: FileHandle, name: string): Promise<Entry> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(Math.min(size, END_BYTES + MAX_COMMENT_BYTES));
  await readFully(archive, handle, tail, size - tail.length);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end -= 1;
  if (end < 0) throw badWeights(archive, '', 'is no zip archive');
  const centralBytes = tail.readUInt32LE(end + 12);
  const centralStart = tail.readUInt32LE(end + 16);
  if (centralBytes > MAX_CENTRAL_BYTES || centralStart + centralBytes > size) {
    throw badWeights(archive, 'directory', 'lies outside the archive');
  }
  const central = Buffer.alloc(centralBytes);
  await readFully(archive, handle, central, centralStart);
  for (let at = 0; at + CENTRAL_BYTES <= central.length; ) {
    if (central.readUInt32LE(at) !== CENTRAL_SIGNATURE) break;
    const nameEnd = at + CENTRAL_BYTES + central.readUInt16LE(at + 28);
    if (central.toString('utf8', at + CENTRAL_BYTES, nameEnd) === name) {
      return {
        method: central.readUInt16LE(at + 10),
        compressedBytes: central.readUInt32LE(at + 20),
        headerOffset: central.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + central.readUInt16LE(at + 30) + central.readUInt16LE(at + 32);
  }
  throw badWeights(archive, name, 'is missing');
}
