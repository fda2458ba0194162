import { describe, expect, it } from 'vitest';
import { addLabel, parseByteCount, parseDeclaredSpeed, parseThreadCount } from '../../../src/commands/agent-flags.ts';

describe('flags of the agent', () => {
  it.each([
    ['4000000000', 4e9],
    ['512MiB', 512 * 2 ** 20],
    ['2GB', 2e9],
    ['2.5gb', 2.5e9],
    ['1 TiB', 2 ** 40],
    ['10kB', 10_000],
    ['7B', 7],
  ])('reads %s as bytes', (text, bytes) => {
    expect(parseByteCount(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', 'GB', '1XB', '1e9', '0x10', '1,000', 'Infinity', '9999999TiB', '0.1'])(
    'refuses "%s" as bytes',
    (text) => {
      expect(() => parseByteCount(text)).toThrow(/bytes/);
    },
  );

  it('reads a declared speed', () => {
    expect(parseDeclaredSpeed('0,1e-5, 0.002')).toEqual({
      overheadSecondsPerBlock: 0,
      prefillSecondsPerTokenPerBlock: 1e-5,
      decodeSecondsPerTokenPerBlock: 0.002,
    });
  });

  it.each(['', '1,2', '1,2,3,4', '1,,3', '0,0,1', '0,1,0', '-1,1,1', 'a,b,c', '0,1,Infinity'])(
    'refuses "%s" as a declared speed',
    (text) => {
      expect(() => parseDeclaredSpeed(text)).toThrow(/three numbers/);
    },
  );

  it('reads threads and labels', () => {
    expect(parseThreadCount('4')).toBe(4);
    expect(() => parseThreadCount('0')).toThrow(/whole number/);
    expect(() => parseThreadCount('1.5')).toThrow(/whole number/);
    expect(addLabel('site=lab=2', { a: 'b' })).toEqual({ a: 'b', site: 'lab=2' });
    expect(() => addLabel('=x', {})).toThrow(/key=value/);
    expect(() => addLabel('x', {})).toThrow(/key=value/);
  });
});
