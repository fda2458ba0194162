import type { ModelConfig, RotaryConfig } from './model-config.ts';

/** Cosines and sines of every position: each float32[positions, headDimension / 2]. */
export interface RotaryTable {
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
  readonly positions: number;
}

/** Angles of rotary positions 0 to `positions` - 1 (Su et al., arXiv 2104.09864, eq. 34). O(positions x headDimension). */
export function computeRotaryTable(config: ModelConfig, positions: number): RotaryTable {
  const frequencies = computeFrequencies(config.rotary, config.headDimension);
  const half = frequencies.length;
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position += 1) {
    for (const [i, frequency] of frequencies.entries()) {
      // Rounded to float32 as the reference implementation does, so that far positions agree with it.
      const angle = Math.fround(position * Math.fround(frequency));
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines, positions };
}

/** Radians per position of each pair of a head. */
function computeFrequencies(rotary: RotaryConfig, headDimension: number): number[] {
  const frequencies: number[] = [];
  for (let i = 0; i < headDimension; i += 2) frequencies.push(rotary.base ** (-i / headDimension));
  const { scaling } = rotary;
  if (scaling.kind === 'none') return frequencies;
  if (scaling.kind === 'linear') return frequencies.map((frequency) => frequency / scaling.factor);
  // Llama 3.1: long waves are stretched, short ones kept, those between blended.
  return frequencies.map((frequency) => {
    const turns = (scaling.originalContextTokens * frequency) / (2 * Math.PI);
    if (turns < scaling.lowFrequencyFactor) return frequency / scaling.factor;
    if (turns > scaling.highFrequencyFactor) return frequency;
    const blend = (turns - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
    return (1 - blend) * (frequency / scaling.factor) + blend * frequency;
  });
}
