import { describe, expect, it } from 'vitest';
import { type ModelConfig, parseHuggingFaceConfig } from '../../../../src/language-model/weights/model-config.ts';
import { computeRotaryTable } from '../../../../src/language-model/weights/rotary-table.ts';

function configWith(rope: Record<string, unknown>): ModelConfig {
  return parseHuggingFaceConfig('config.json', {
    architectures: ['LlamaForCausalLM'],
    hidden_size: 8,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    intermediate_size: 8,
    vocab_size: 8,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_parameters: { rope_theta: 10_000, ...rope },
  });
}

describe('computeRotaryTable', () => {
  it('turns the pairs of a head by position times theta^(-2i/d)', () => {
    const table = computeRotaryTable(configWith({}), 5);
    expect([...table.cosines.subarray(0, 2)]).toEqual([1, 1]);
    expect(table.cosines[4 * 2]).toBeCloseTo(Math.cos(4), 6);
    expect(table.sines[4 * 2 + 1]).toBeCloseTo(Math.sin(4 / 100), 6);
  });

  it('divides every frequency when scaling is linear', () => {
    const table = computeRotaryTable(configWith({ rope_type: 'linear', factor: 4 }), 5);
    expect(table.sines[4 * 2]).toBeCloseTo(Math.sin(1), 6);
  });

  it('keeps short waves and stretches long ones when scaling is that of Llama 3', () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 256 };
    const table = computeRotaryTable(configWith({ rope_type: 'llama3', ...scaling }), 5);
    expect(table.sines[4 * 2]).toBeCloseTo(Math.sin(4), 6);
    expect(table.sines[4 * 2 + 1]).toBeCloseTo(Math.sin(4 / 100 / 8), 6);
  });
});
