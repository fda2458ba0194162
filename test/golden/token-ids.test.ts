/**
 * Token ids of 1,000 random Unicode strings against those of the Rust tokenizers library, recorded by
 * test/fixtures/reference/make_reference.py. The larger vocabulary is compared where the model has been fetched.
 */
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../src/language-model/create-tokenizer.ts';
import { decodeTokens } from '../../src/language-model/text-decoder.ts';
import { readTokenBytes } from '../../src/language-model/token-bytes.ts';
import type { TokenizerFiles } from '../../src/language-model/weights/model-weights.ts';
import { openModelWeights } from '../../src/language-model/weights/open-model-weights.ts';
import { findSmollm2, readGolden } from '../support/smollm2.ts';
import { TINY_AUSTEN } from '../support/tiny-austen.ts';

interface TokenIds {
  readonly texts: readonly string[];
  readonly ids: readonly number[][];
}

async function readTokenizer(path: string): Promise<TokenizerFiles> {
  const weights = await openModelWeights(path);
  const files = await weights.readTokenizer();
  await weights.close();
  return files;
}

function expectSameIds(files: TokenizerFiles, { texts, ids }: TokenIds): void {
  const encode = createTokenizer(files);
  const wrong = texts.filter((text, i) => JSON.stringify(encode(text)) !== JSON.stringify(ids[i]));
  expect(wrong).toEqual([]);
}

const smollm2 = await findSmollm2();

describe('token ids', () => {
  it('of tiny-austen equal those of the reference', async () => {
    const golden = readGolden<TokenIds>('tiny-austen-token-ids.json');
    expect(golden.texts).toHaveLength(1000);
    const files = await readTokenizer(TINY_AUSTEN);
    expectSameIds(files, golden);
    // Its vocabulary has every byte, so that any text comes back whole.
    const table = readTokenBytes(files);
    for (const [i, text] of golden.texts.entries()) expect(decodeTokens(table, golden.ids[i]!)).toBe(text);
  });

  it.skipIf(smollm2 === undefined)('of smollm2-135m-instruct equal those of the reference', async () => {
    expectSameIds(await readTokenizer(smollm2!), readGolden<TokenIds>('smollm2-token-ids.json'));
  });
});
