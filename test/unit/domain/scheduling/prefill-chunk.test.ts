import { describe, expect, it } from 'vitest';
import { type PromptHop, prefillChunkTokens } from '../../../../src/domain/scheduling/prefill-chunk.ts';

const BOUNDS = { least: 32, most: 512 };
/** A token step takes as long as 40 tokens of a prompt. */
const HOP: PromptHop = { prefillSeconds: 0.001, tokenSeconds: 0.04 };
const chunk = (tokens: number, hops: readonly PromptHop[], generating = 0, bounds = BOUNDS) =>
  prefillChunkTokens({ tokens, hops, generating }, bounds);

/** When the last piece leaves the last hop: each waits for the one before it, and pays at least a token step. */
function firstTokenSeconds(tokens: number, hops: readonly PromptHop[], piece: number): number {
  const doneAt = hops.map(() => 0);
  for (let fed = 0; fed < tokens; fed += piece) {
    let at = 0;
    hops.forEach(({ prefillSeconds, tokenSeconds }, h) => {
      at = Math.max(at, doneAt[h] ?? 0) + tokenSeconds + prefillSeconds * Math.min(piece, tokens - fed);
      doneAt[h] = at;
    });
  }
  return doneAt.at(-1) ?? 0;
}

describe('the size of the pieces of a prompt', () => {
  it('is the largest one where one server runs everything, or speeds are unknown', () => {
    expect(chunk(4_000, [HOP])).toBe(512);
    expect(chunk(4_000, [])).toBe(512);
    expect(chunk(4_000, [{ prefillSeconds: 0, tokenSeconds: 1 }, HOP].slice(0, 1))).toBe(512);
  });

  it('brings the first token about as soon as any size does, on an idle chain of several servers', () => {
    for (const hopCount of [2, 4, 8]) {
      for (const tokens of [300, 1_000, 4_000]) {
        const hops = Array.from({ length: hopCount }, () => HOP);
        const chosen = firstTokenSeconds(tokens, hops, chunk(tokens, hops, 0, { least: 8, most: 4_096 }));
        const best = Math.min(...Array.from({ length: 512 }, (_, i) => firstTokenSeconds(tokens, hops, 8 * (i + 1))));
        expect(chosen / best).toBeLessThan(1.08);
      }
    }
  });

  it('shrinks to two token steps where others generate, and to no less than the least', () => {
    const hops = [HOP, HOP, HOP];
    expect(chunk(8_000, hops)).toBeGreaterThan(300);
    expect(chunk(8_000, hops, 1)).toBe(80);
    expect(chunk(8_000, hops, 9)).toBe(80);
    expect(chunk(8_000, [HOP], 1)).toBe(80);
    expect(chunk(8_000, [{ ...HOP, tokenSeconds: 0.001 }], 1)).toBe(32);
  });

  it('goes by the slowest server', () => {
    const slow = { prefillSeconds: 0.004, tokenSeconds: 0.04 };
    expect(chunk(8_000, [HOP, slow], 1)).toBe(32);
    expect(chunk(8_000, [HOP, slow], 1, { least: 8, most: 512 })).toBe(24);
  });

  it('is fixed where both bounds are the same', () => {
    expect(chunk(8_000, [HOP, HOP], 3, { least: 256, most: 256 })).toBe(256);
    expect(chunk(8_000, [HOP, HOP], 0, { least: 256, most: 256 })).toBe(256);
  });
});
