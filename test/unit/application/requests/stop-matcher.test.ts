import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '../../../../src/application/requests/stop-matcher.ts';

/** Delivers `text` in pieces; returns what came out and whether it was stopped. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; isStopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = '';
  for (const piece of pieces) {
    const step = matcher.push(piece);
    text += step.text;
    if (step.isStopped) return { text, isStopped: true };
  }
  return { text: text + matcher.flush(), isStopped: false };
}

/** What should come out: everything before the first stop text that is completed first. */
function expected(stops: readonly string[], text: string): { text: string; isStopped: boolean } {
  for (let end = 1; end <= text.length; end += 1) {
    const starts = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => end - stop.length);
    if (starts.length > 0) return { text: text.slice(0, Math.min(...starts)), isStopped: true };
  }
  return { text, isStopped: false };
}

describe('stop texts', () => {
  it('are found across the borders of pieces, and none of their text is delivered', () => {
    expect(run(['END'], ['one E', 'N', 'D two'])).toEqual({ text: 'one ', isStopped: true });
  });

  it('that only seem to begin hold nothing back at the end', () => {
    expect(run(['END'], ['the E', 'N', 'T'])).toEqual({ text: 'the ENT', isStopped: false });
    expect(run(['END'], ['the EN'])).toEqual({ text: 'the EN', isStopped: false });
  });

  it('that are empty are ignored', () => {
    expect(run([''], ['a', 'b'])).toEqual({ text: 'ab', isStopped: false });
  });

  it('deliver at once what cannot be part of one', () => {
    expect(new StopMatcher(['xyz']).push('abc')).toEqual({ text: 'abc', isStopped: false });
    expect(new StopMatcher(['cde']).push('abc')).toEqual({ text: 'ab', isStopped: false });
  });

  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
  test.prop([
    fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 1 }), { maxLength: 12 }),
    fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
  ])('letter by letter, stop where the first one is complete', (pieces, stops) => {
    expect(run(stops, pieces)).toEqual(expected(stops, pieces.join('')));
  });

  test.prop([
    fc.array(letters, { maxLength: 6 }),
    fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }),
  ])('in any pieces, a single one ends the text right before it', (pieces, stop) => {
    const text = pieces.join('');
    const at = text.indexOf(stop);
    expect(run([stop], pieces)).toEqual(
      at < 0 ? { text, isStopped: false } : { text: text.slice(0, at), isStopped: true },
    );
  });
});
