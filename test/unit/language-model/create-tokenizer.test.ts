import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../../src/language-model/create-tokenizer.ts';
import { decodeTokens, TokenTextDecoder } from '../../../src/language-model/text-decoder.ts';
import { readTokenBytes } from '../../../src/language-model/token-bytes.ts';

/** A tokenizer of single characters in the byte-level alphabet: "٣" and "5" are one number sign each. */
function tokenizerOf(preTokenizer: unknown, vocabulary: Record<string, number>, merges: [string, string][]) {
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: preTokenizer,
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: vocabulary, merges, unk_token: null, fuse_unk: false, byte_fallback: false },
    },
    tokenizerConfig: {},
    chatTemplate: undefined,
    path: 'tokenizer.json',
  };
}

describe('createTokenizer', () => {
  it('keeps every Unicode number apart where the tokenizer asks for single digits', () => {
    const pre = { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }] };
    const encode = createTokenizer(
      tokenizerOf(pre, { a: 0, '٣': 1, a٣: 2, '5': 3, '55': 4 }, [
        ['a', '٣'],
        ['5', '5'],
      ]),
    );
    expect(encode('a٣')).toEqual([0, 1]);
    expect(encode('55')).toEqual([3, 3]);
  });

  it('keeps runs of numbers together where the tokenizer does', () => {
    const encode = createTokenizer(
      tokenizerOf({ type: 'Digits', individual_digits: false }, { '5': 0, '55': 1, a: 2, a5: 3 }, [
        ['5', '5'],
        ['a', '5'],
      ]),
    );
    expect(encode('a55')).toEqual([2, 1]);
  });

  it('encodes an empty text as no tokens', () => {
    expect(createTokenizer(tokenizerOf(null, { a: 0 }, []))('')).toEqual([]);
  });

  it('names the file when it describes no tokenizer', () => {
    const files = { ...tokenizerOf(null, {}, []), tokenizer: { model: { type: 'Nonsense' } } };
    expect(() => createTokenizer(files)).toThrow(expect.objectContaining({ code: 'DSP_BAD_WEIGHTS' }));
  });
});

describe('readTokenBytes', () => {
  const files = (tokenizer: Record<string, unknown>) => ({
    tokenizer,
    tokenizerConfig: {},
    chatTemplate: undefined,
    path: 'tokenizer.json',
  });

  it('decodes marked words and byte tokens, without the space that the first word carries', () => {
    const table = readTokenBytes(
      files({
        model: { type: 'BPE', vocab: { '<s>': 0, '▁Hello': 1, '▁wörld': 2, '<0xE2>': 3, '<0x82>': 4, '<0xAC>': 5 } },
        added_tokens: [{ id: 0, content: '<s>', special: true }],
        decoder: {
          type: 'Sequence',
          decoders: [
            { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
            { type: 'ByteFallback' },
            { type: 'Fuse' },
            { type: 'Strip', content: ' ', start: 1, stop: 0 },
          ],
        },
      }),
    );
    expect(decodeTokens(table, [0, 1, 2, 3, 4, 5, 99])).toBe('Hello wörld€');
    const decoder = new TokenTextDecoder(table);
    expect([1, 3, 4, 5].map((token) => decoder.push(token))).toEqual(['Hello', '', '', '€']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['model.type', { model: { type: 'Unigram' } }],
    ['model.vocab', { model: { type: 'BPE', vocab: [] } }],
    ['model.vocab', { model: { type: 'BPE', vocab: { a: -1 } } }],
    ['added_tokens', { model: { type: 'BPE', vocab: {} }, added_tokens: [{ content: 'x' }] }],
    ['decoder', { model: { type: 'BPE', vocab: {} }, decoder: { type: 'WordPiece' } }],
  ])('names %s when it is wrong', (param, tokenizer) => {
    expect(() => readTokenBytes(files(tokenizer))).toThrow(expect.objectContaining({ code: 'DSP_BAD_WEIGHTS', param }));
  });
});
