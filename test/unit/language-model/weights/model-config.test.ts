import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseHuggingFaceConfig } from '../../../../src/language-model/weights/model-config.ts';
import { TINY_AUSTEN } from '../../../support/tiny-austen.ts';

const sound = JSON.parse(readFileSync(`${TINY_AUSTEN}/config.json`, 'utf8')) as Record<string, unknown>;
const parse = (changes: Record<string, unknown>) => parseHuggingFaceConfig('config.json', { ...sound, ...changes });

describe('parseHuggingFaceConfig', () => {
  it('reads the shape of a model', () => {
    expect(parse({})).toEqual({
      blockCount: 6,
      hiddenSize: 192,
      headCount: 6,
      keyValueHeadCount: 3,
      headDimension: 32,
      feedForwardSize: 512,
      vocabularySize: 1024,
      contextTokens: 512,
      normEpsilon: 1e-5,
      rotary: { base: 10_000, isInterleaved: false, scaling: { kind: 'none' } },
      isHeadTied: true,
      endTokens: [0],
    });
  });

  it('takes rotary settings from the top level as from rope_parameters', () => {
    const old = parse({ rope_parameters: undefined, rope_theta: 500_000, rope_scaling: { type: 'linear', factor: 4 } });
    expect(old.rotary).toEqual({ base: 500_000, isInterleaved: false, scaling: { kind: 'linear', factor: 4 } });
    const recent = parse({
      rope_parameters: {
        rope_theta: 500_000,
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
    });
    expect(recent.rotary.scaling).toEqual({
      kind: 'llama3',
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalContextTokens: 8192,
    });
  });

  it('fills in what older files leave out', () => {
    const config = parse({ num_key_value_heads: undefined, head_dim: undefined, eos_token_id: [0, 5] });
    expect(config).toMatchObject({ keyValueHeadCount: 6, headDimension: 32, endTokens: [0, 5] });
  });

  it.each<[string, Record<string, unknown>]>([
    ['architectures', { architectures: ['GPT2LMHeadModel'] }],
    ['architectures', { architectures: undefined }],
    ['attention_bias', { attention_bias: true }],
    ['mlp_bias', { mlp_bias: true }],
    ['hidden_act', { hidden_act: 'gelu' }],
    ['num_hidden_layers', { num_hidden_layers: 0 }],
    ['num_hidden_layers', { num_hidden_layers: 1e9 }],
    ['hidden_size', { hidden_size: '192' }],
    ['num_attention_heads', { num_attention_heads: 2.5 }],
    ['num_key_value_heads', { num_key_value_heads: 4 }],
    ['head_dim', { head_dim: 33 }],
    ['intermediate_size', { intermediate_size: undefined }],
    ['vocab_size', { vocab_size: -1 }],
    ['max_position_embeddings', { max_position_embeddings: null }],
    ['rms_norm_eps', { rms_norm_eps: 0 }],
    ['eos_token_id', { eos_token_id: 'end' }],
    ['eos_token_id', { eos_token_id: 1024 }],
    ['rope_theta', { rope_parameters: undefined, rope_theta: -1 }],
    ['rope_parameters.rope_theta', { rope_parameters: { rope_theta: 'x' } }],
    ['rope_parameters.rope_type', { rope_parameters: { rope_type: 'yarn' } }],
    ['rope_scaling.factor', { rope_parameters: undefined, rope_scaling: { type: 'linear' } }],
  ])('names %s when it is wrong: %j', (param, changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'DSP_BAD_WEIGHTS', param }));
  });
});
