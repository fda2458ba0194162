import { describe, expect, it } from 'vitest';
import { printableLine, printablePeerText } from '../../../../src/adapters/wire/printable-text.ts';

describe('what servers and clients say', () => {
  it('becomes one printable line', () => {
    for (const printable of [printableLine, printablePeerText]) {
      expect(printable('a\r\nb\u0000\u001b[2Jc\u2028d\u202ee\ud800 é ü')).toBe('a  b  [2Jc d e  é ü');
      expect(printable('é ü 日本')).toBe('é ü 日本');
    }
  });

  it('is cut where it comes from a peer, also in the middle of a character', () => {
    expect(printablePeerText('x'.repeat(5_000)).length).toBe(300);
    expect(printablePeerText(`${'x'.repeat(299)}😀`)).toBe(`${'x'.repeat(299)} `);
    expect(printableLine('x'.repeat(5_000)).length).toBe(5_000);
  });
});
