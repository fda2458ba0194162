import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type Frame,
  FrameReader,
  readMarkerPrefix,
  readVarintPrefix,
} from '../../src/adapters/wire/petals/frame-reader.ts';

type Recorded = Readonly<
  Record<
    | 'peerId'
    | 'info'
    | 'infoOfOtherBlock'
    | 'find'
    | 'input'
    | 'session'
    | 'notServed'
    | 'tooLong'
    | 'beyondReserved'
    | 'cacheFull',
    string
  >
>;

/** What a real PETALS server sent once; base64. */
export const RECORDED = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/petals/recorded.json', import.meta.url)), 'utf8'),
) as Recorded;

export function recordedBytes(name: keyof Recorded): Buffer {
  return Buffer.from(RECORDED[name], 'base64');
}

/** The messages of a recorded stream. */
export function streamFrames(name: keyof Recorded): Frame[] {
  return new FrameReader(readMarkerPrefix, 1_000_000).push(recordedBytes(name));
}

/** The message of a recorded call. */
export function callBody(name: keyof Recorded): Buffer {
  return new FrameReader(readVarintPrefix, 1_000_000).push(recordedBytes(name))[0]?.body ?? Buffer.alloc(0);
}
