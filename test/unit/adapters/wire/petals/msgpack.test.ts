import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { DictionaryValue, decodeMsgpack } from '../../../../../src/adapters/wire/petals/decode-msgpack.ts';
import { encodeMsgpack } from '../../../../../src/adapters/wire/petals/encode-msgpack.ts';
import { DispatcherError } from '../../../../../src/domain/shared/errors.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('msgpack', () => {
  it.each([
    ['7f', 127],
    ['ff', -1],
    ['cc c8', 200],
    ['cd 03e8', 1_000],
    ['ce 000186a0', 100_000],
    ['cf 0000000100000000', 4_294_967_296],
    ['d0 80', -128],
    ['d1 fc18', -1_000],
    ['d2 fffe7960', -100_000],
    ['d3 ffffffff00000000', -4_294_967_296],
    ['ca 3fc00000', 1.5],
    ['cb 4059000000000000', 100],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['a2 6869', 'hi'],
    ['d9 02 6869', 'hi'],
    ['92 01 c0', [1, null]],
    ['dc 0001 05', [5]],
    ['c7 03 40 92 01 02', [1, 2]],
    ['d6 40 93 01 02 03', [1, 2, 3]],
    ['d4 07 00', undefined],
  ])('reads %s', (bytes, value) => {
    expect(decodeMsgpack(hex(bytes))).toEqual(value);
  });

  it('reads maps with any keys, byte strings, and the dictionaries of the hash table', () => {
    expect(decodeMsgpack(hex('82 a161 01 02 c3'))).toEqual(
      new Map<unknown, unknown>([
        ['a', 1],
        [2, true],
      ]),
    );
    expect(Buffer.from(decodeMsgpack(hex('c4 02 0102')) as Uint8Array)).toEqual(hex('0102'));
    const dictionary = decodeMsgpack(hex('c7 0b 50 93 01 02 91 93 a161 c401 09 03'));
    expect(dictionary).toBeInstanceOf(DictionaryValue);
    expect((dictionary as DictionaryValue).entries).toHaveLength(1);
  });

  it('reads back what it wrote', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.integer(),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
      ),
      list: fc.array(tie('any'), { maxLength: 20 }),
    })).any as fc.Arbitrary<Parameters<typeof encodeMsgpack>[0]>;
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeMsgpack(encodeMsgpack(given))).toEqual(
          given === 0 ? given : JSON.parse(JSON.stringify(given), (_, item) => item),
        );
      }),
      { seed: 2, numRuns: 200, examples: [['x'.repeat(40)], ['x'.repeat(255)], ['x'.repeat(256)], [0xffff_ffff]] },
    );
    expect(decodeMsgpack(encodeMsgpack({ a: 1, b: undefined, c: ['x'] }))).toEqual(
      new Map<string, unknown>([
        ['a', 1],
        ['c', ['x']],
      ]),
    );
  });

  it('ends with a coded error, quickly, on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMsgpack(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DispatcherError);
        }
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('allocates nothing for lengths that are not there', () => {
    const before = process.memoryUsage().heapUsed;
    expect(() => decodeMsgpack(hex('dd ffffffff'))).toThrow(/ends too early/);
    expect(() => decodeMsgpack(hex('c6 ffffffff'))).toThrow(/ends too early/);
    expect(() => decodeMsgpack(hex('df ffffffff'))).toThrow(/ends too early/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  });

  it('refuses endless nesting and values above 1 MiB', () => {
    expect(() => decodeMsgpack(Buffer.alloc(100_000, 0x91))).toThrow(/nests deeper/);
    expect(() => decodeMsgpack(Buffer.alloc(1_048_577))).toThrow(/more than/);
  });
});
