/** The incremental decoder against decoding the whole list, with the tokenizer of tiny-austen. */
import { readFileSync } from 'node:fs';
import { fc, test } from '@fast-check/vitest';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect } from 'vitest';
import { createTokenizer } from '../../src/language-model/create-tokenizer.ts';
import { decodeTokens, TokenTextDecoder } from '../../src/language-model/text-decoder.ts';
import { readTokenBytes } from '../../src/language-model/token-bytes.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';

const path = `${TINY_AUSTEN}/tokenizer.json`;
const tokenizer = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
const files = { tokenizer, tokenizerConfig: {}, chatTemplate: undefined, path };
const table = readTokenBytes(files);
const encode = createTokenizer(files);
const library = new Tokenizer(tokenizer, {});

describe('TokenTextDecoder', () => {
  test.prop([fc.array(fc.integer({ min: 0, max: 1023 }), { minLength: 1, maxLength: 60 })])(
    'gives, piece by piece, what the library decodes at once',
    (tokens) => {
      const decoder = new TokenTextDecoder(table);
      const pieces = tokens.map((token) => decoder.push(token));
      const text = pieces.join('') + decoder.flush();
      expect(text).toBe(library.decode(tokens, { skip_special_tokens: true, clean_up_tokenization_spaces: false }));
      expect(text).toBe(decodeTokens(table, tokens));
    },
  );

  test.prop([fc.string({ unit: 'binary', maxLength: 40 })])('gives back any text, whole characters only', (text) => {
    const decoder = new TokenTextDecoder(table);
    let decoded = '';
    for (const token of encode(text)) {
      const piece = decoder.push(token);
      expect(piece).not.toContain('\uFFFD'.repeat(2));
      decoded += piece;
    }
    expect(decoded + decoder.flush()).toBe(text.toWellFormed());
  });
});
