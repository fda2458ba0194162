import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { type ExpectedFile, verifyFile } from './verify-file.ts';

export interface Download {
  readonly url: string;
  /** Where the bytes go. What lies there from an earlier try is continued. */
  readonly path: string;
  readonly expected: ExpectedFile;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Told how many bytes of the file there are. */
  readonly onProgress: (bytes: number) => void;
}

const ATTEMPTS = 4;
/** A transfer without a byte for this long is given up and continued by a new request. */
const STALL_MS = 30_000;

/**
 * Downloads a file and checks its digest. A broken transfer is continued where it broke, in this call or a later one.
 * @throws DispatcherError DSP_BAD_WEIGHTS when the content is another; Error for what the network did
 */
export async function downloadFile(download: Download): Promise<void> {
  const { path, expected, signal } = download;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const present = await sizeOf(path);
      if (present > expected.bytes) await rm(path);
      if (present !== expected.bytes) await transfer(download, present > expected.bytes ? 0 : present);
      break;
    } catch (error) {
      const isFinal = error instanceof DispatcherError || attempt === ATTEMPTS || signal.aborted;
      if (isFinal) throw error;
    }
  }
  try {
    await verifyFile(path, expected);
  } catch (error) {
    // What is wrong would be continued for ever.
    await rm(path, { force: true });
    throw error;
  }
}

async function transfer(download: Download, present: number): Promise<void> {
  const stall = new AbortController();
  const signal = AbortSignal.any([download.signal, stall.signal]);
  let timer = setTimeout(() => stall.abort(), STALL_MS);
  try {
    const range: Record<string, string> = present > 0 ? { range: `bytes=${present}-` } : {};
    const response = await fetch(download.url, { headers: { ...download.headers, ...range }, signal });
    if (response.body === null || (response.status !== 200 && response.status !== 206)) {
      await response.body?.cancel();
      throw new DispatcherError('DSP_MODEL_NOT_FOUND', `${download.url} answered ${response.status}`);
    }
    // A server that does not know ranges sends all of it again.
    const isContinued = response.status === 206;
    let bytes = isContinued ? present : 0;
    const counter = new Transform({
      transform(piece: Uint8Array, _, done) {
        bytes += piece.length;
        clearTimeout(timer);
        timer = setTimeout(() => stall.abort(), STALL_MS);
        if (bytes > download.expected.bytes) {
          done(
            new DispatcherError('DSP_BAD_WEIGHTS', `${download.url} sends more than ${download.expected.bytes} bytes`),
          );
          return;
        }
        download.onProgress(bytes);
        done(null, piece);
      },
    });
    const target = createWriteStream(download.path, { flags: isContinued ? 'a' : 'w' });
    await pipeline(response.body as ReadableStream<Uint8Array>, counter, target, { signal });
    if (bytes !== download.expected.bytes) throw new Error(`${download.url} ended after ${bytes} bytes`);
  } finally {
    clearTimeout(timer);
  }
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
