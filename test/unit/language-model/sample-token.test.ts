import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/shared/rng.ts';
import { type SampleRequest, sampleToken } from '../../../src/language-model/sample-token.ts';

const greedy: SampleRequest = { temperature: 0, topP: 1, uniform: 0, topLogprobs: undefined, adjustments: [] };
const logits = (...values: number[]): Float32Array => Float32Array.from(values);

/** Share of draws that gave each token. */
function shares(values: readonly number[], request: Partial<SampleRequest>, draws = 20_000): number[] {
  const rng = createRng(7, 'test');
  const counts = new Array<number>(values.length).fill(0);
  for (let i = 0; i < draws; i += 1) {
    const all = { ...greedy, temperature: 1, ...request, uniform: rng.next() };
    counts[sampleToken(logits(...values), all).token]! += 1;
  }
  return counts.map((count) => count / draws);
}

describe('sampleToken', () => {
  it('takes the largest logit when greedy, the first of equals', () => {
    expect(sampleToken(logits(1, 3, 3, 2), greedy).token).toBe(1);
    expect(sampleToken(logits(-5, -9), greedy).token).toBe(0);
  });

  it('draws in proportion to the probabilities', () => {
    const probabilities = [0.5, 0.3, 0.15, 0.05];
    const drawn = shares(probabilities.map(Math.log), {});
    for (const [i, share] of drawn.entries()) expect(Math.abs(share - probabilities[i]!)).toBeLessThan(0.012);
  });

  it('sharpens at low temperature and flattens at high temperature', () => {
    const values = [0.6, 0.4].map(Math.log);
    expect(Math.abs(shares(values, { temperature: 0.5 })[0]! - 0.36 / 0.52)).toBeLessThan(0.012);
    const flat = Math.sqrt(0.6) / (Math.sqrt(0.6) + Math.sqrt(0.4));
    expect(Math.abs(shares(values, { temperature: 2 })[0]! - flat)).toBeLessThan(0.012);
  });

  it('draws only from the fewest tokens that reach top_p, in their own proportions', () => {
    const values = [0.1, 0.5, 0.3, 0.07, 0.03].map(Math.log);
    const drawn = shares(values, { topP: 0.75 });
    expect(drawn[0]! + drawn[3]! + drawn[4]!).toBe(0);
    expect(Math.abs(drawn[1]! - 0.625)).toBeLessThan(0.012);
    expect(shares(values, { topP: 0.5 }, 500)).toEqual([0, 1, 0, 0, 0]);
    expect(shares(values, { topP: 1e-9 }, 500)).toEqual([0, 1, 0, 0, 0]);
  });

  it('takes the lower token first among equals at the edge of the nucleus', () => {
    const drawn = shares([0, 0, 0, 0], { topP: 0.5 });
    expect(drawn.slice(2)).toEqual([0, 0]);
    expect(Math.abs(drawn[0]! - 0.5)).toBeLessThan(0.012);
  });

  it('finds the same nucleus as a full sort', () => {
    const rng = createRng(3, 'nucleus');
    for (let round = 0; round < 200; round += 1) {
      const size = 1 + Math.floor(rng.next() * 300);
      const values = Array.from({ length: size }, () => (rng.next() - 0.5) * 30);
      const temperature = 0.1 + rng.next() * 3;
      const topP = 0.05 + rng.next() * 0.9;
      const exact = logits(...values);
      const largest = Math.max(...exact);
      const weights = [...exact].map((value) => Math.exp((value - largest) / temperature));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const sorted = weights.map((_, i) => i).sort((a, b) => weights[b]! - weights[a]! || a - b);
      const nucleus = new Set<number>();
      let kept = 0;
      for (const token of sorted) {
        if (kept >= topP * total * (1 + 1e-12)) break;
        nucleus.add(token);
        kept += weights[token]!;
      }
      const drawn = new Set<number>();
      for (let i = 0; i < 50; i += 1) {
        const request = { ...greedy, temperature, topP, uniform: i / 50 };
        drawn.add(sampleToken(logits(...values), request).token);
      }
      for (const token of drawn) expect(nucleus).toContain(token);
    }
  });

  it('adds biases and penalties to the logits before it chooses', () => {
    expect(
      sampleToken(logits(1, 2, 3), {
        ...greedy,
        adjustments: [
          [2, -5],
          [0, 0.5],
        ],
      }).token,
    ).toBe(1);
    expect(sampleToken(logits(1, 2, 3), { ...greedy, adjustments: [[0, 100]] }).token).toBe(0);
  });

  it("reports the model's own log-probabilities, whatever was added", () => {
    const values = [0.2, 0.5, 0.3].map(Math.log);
    const choice = sampleToken(logits(...values), { ...greedy, topLogprobs: 2, adjustments: [[0, 50]] });
    expect(choice.token).toBe(0);
    expect(choice.logprob).toBeCloseTo(Math.log(0.2), 5);
    expect(choice.topLogprobs!.map(({ token }) => token)).toEqual([1, 2]);
    expect(choice.topLogprobs![0]!.logprob).toBeCloseTo(Math.log(0.5), 5);
  });

  it('reports a given token, however unlikely, beside the likely ones', () => {
    const scored = sampleToken(logits(Math.log(0.7), Math.log(0.2), Math.log(0.1)), {
      ...greedy,
      topLogprobs: 1,
      given: 2,
    });
    expect(scored.token).toBe(2);
    expect(scored.logprob).toBeCloseTo(Math.log(0.1), 5);
    expect(scored.topLogprobs?.map(({ token }) => token)).toEqual([0]);
  });

  it('reports as many alternatives as asked for, largest first, and none for 0', () => {
    const values = Array.from({ length: 500 }, (_, i) => Math.sin(i * 7) * 10);
    const { topLogprobs } = sampleToken(logits(...values), { ...greedy, topLogprobs: 20 });
    const sorted = values.map((_, i) => i).sort((a, b) => Math.fround(values[b]!) - Math.fround(values[a]!) || a - b);
    expect(topLogprobs!.map(({ token }) => token)).toEqual(sorted.slice(0, 20));
    expect(sampleToken(logits(...values), { ...greedy, topLogprobs: 0 }).topLogprobs).toEqual([]);
    expect(sampleToken(logits(...values), greedy)).toEqual({ token: sorted[0] });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses logits that hold %d', (value) => {
    const request = { ...greedy, temperature: 1 };
    expect(() => sampleToken(logits(1, value, 2), request)).toThrow(
      expect.objectContaining({ code: 'DSP_BAD_OUTPUT' }),
    );
  });
});
