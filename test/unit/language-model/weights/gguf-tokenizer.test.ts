import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../../../src/language-model/create-tokenizer.ts';
import { decodeTokens } from '../../../../src/language-model/text-decoder.ts';
import { readTokenBytes } from '../../../../src/language-model/token-bytes.ts';
import type { GgufValue } from '../../../../src/language-model/weights/gguf-header.ts';
import { readGgufTokenizer } from '../../../../src/language-model/weights/gguf-tokenizer.ts';

const sound: Record<string, GgufValue> = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'smollm',
  'tokenizer.ggml.tokens': ['<|end|>', 'a', 'b', 'ab', 'Ġ', '1', '[x]'],
  'tokenizer.ggml.token_type': [3, 1, 1, 1, 1, 1, 4],
  'tokenizer.ggml.merges': ['a b'],
  'tokenizer.ggml.bos_token_id': 0,
  'tokenizer.ggml.eos_token_id': 0,
  'tokenizer.chat_template': '{{ bos_token }}',
};
const read = (changes: Record<string, GgufValue> = {}) =>
  readGgufTokenizer('model.gguf', new Map(Object.entries({ ...sound, ...changes })));

describe('readGgufTokenizer', () => {
  it('gives a tokenizer with merges, special tokens and single digits', () => {
    const files = read();
    const encode = createTokenizer(files);
    expect(encode('ab b11<|end|>[x]')).toEqual([3, 4, 2, 5, 5, 0, 6]);
    expect(decodeTokens(readTokenBytes(files), [3, 4, 2, 5, 0, 6])).toBe('ab b1[x]');
    expect(files.chatTemplate).toBe('{{ bos_token }}');
    expect(files.tokenizerConfig).toEqual({ bos_token: '<|end|>', eos_token: '<|end|>' });
  });

  it('puts the begin-of-text token first where the file asks for it', () => {
    expect(createTokenizer(read({ 'tokenizer.ggml.add_bos_token': true }))('ab')).toEqual([0, 3]);
  });

  it.each<[string, Record<string, GgufValue>]>([
    ['tokenizer.ggml.model', { 'tokenizer.ggml.model': 'llama' }],
    ['tokenizer.ggml.pre', { 'tokenizer.ggml.pre': 'toString' }],
    ['tokenizer.ggml.tokens', { 'tokenizer.ggml.tokens': [1, 2] }],
    ['tokenizer.ggml.merges', { 'tokenizer.ggml.merges': ['ab'] }],
    ['tokenizer.ggml.bos_token_id', { 'tokenizer.ggml.bos_token_id': 99, 'tokenizer.ggml.add_bos_token': true }],
  ])('names %s when it is wrong', (param, changes) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ code: 'DSP_BAD_WEIGHTS', param }));
  });
});
