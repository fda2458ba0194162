import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { LengthPrefixedReader, withLengthPrefix } from '../../../../src/adapters/wire/length-prefixed-reader.ts';

function readAll(reader: LengthPrefixedReader): Buffer[] {
  const messages: Buffer[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  return messages;
}

describe('LengthPrefixedReader', () => {
  test.prop([
    fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }),
  ])('gives the same messages however the bytes are cut', (messages, cuts) => {
    const bytes = Buffer.concat(messages.map((message) => withLengthPrefix(message)));
    const reader = new LengthPrefixedReader(100);
    const read: Buffer[] = [];
    for (let offset = 0, i = 0; offset < bytes.length; i += 1) {
      const size = cuts[i % cuts.length] as number;
      reader.push(bytes.subarray(offset, offset + size));
      offset += size;
      read.push(...readAll(reader));
    }
    expect(read.map((message) => [...message])).toEqual(messages.map((message) => [...message]));
    expect(reader.bufferedBytes).toBe(0);
  });

  it('refuses a message above its limit before the message has come', () => {
    const reader = new LengthPrefixedReader(100);
    reader.push(Buffer.from([0, 0, 0, 0, 101]));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'DSP_REQUEST_TOO_LARGE' }));
  });

  it('refuses compressed messages', () => {
    const reader = new LengthPrefixedReader(100);
    reader.push(Buffer.from([1, 0, 0, 0, 1, 7]));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'DSP_UNSUPPORTED' }));
  });

  it('counts what it holds', () => {
    const reader = new LengthPrefixedReader(100);
    reader.push(Buffer.from([0, 0, 0, 0, 9, 1, 2]));
    expect(reader.next()).toBeUndefined();
    expect(reader.bufferedBytes).toBe(2);
  });
});
