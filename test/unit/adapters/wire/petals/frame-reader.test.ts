import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  FrameReader,
  readMarkerPrefix,
  readVarintPrefix,
  withMarker,
  withVarint,
} from '../../../../../src/adapters/wire/petals/frame-reader.ts';

const KINDS = [
  ['streams', readMarkerPrefix, withMarker],
  ['calls', readVarintPrefix, withVarint],
] as const;

describe.each(KINDS)('frames of %s', (_, readPrefix, frame) => {
  it('gives back the messages however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 50 }),
        (messages, cut) => {
          const bytes = Buffer.concat(messages.map((message) => frame(message)));
          const reader = new FrameReader(readPrefix, 1_000);
          const bodies: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += cut)
            for (const { body } of reader.push(bytes.subarray(at, at + cut))) bodies.push(body);
          expect(bodies.map((body) => [...body])).toEqual(messages.map((message) => [...message]));
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it('refuses a message above the limit before it has come', () => {
    const reader = new FrameReader(readPrefix, 1_000);
    expect(() => reader.push(frame(new Uint8Array(1_001)).subarray(0, 9))).toThrow(/above the limit/);
  });
});

describe('frames with impossible lengths', () => {
  it('refuses a varint that does not end', () => {
    expect(() => new FrameReader(readVarintPrefix, 1_000).push(Buffer.alloc(10, 0xff))).toThrow(/length/);
  });

  it('refuses a length of 64 bits', () => {
    expect(() => new FrameReader(readMarkerPrefix, 1_000).push(Buffer.from([0, ...Array(8).fill(0xff)]))).toThrow(
      /above the limit/,
    );
  });
});
