import { Tokenizer } from '@huggingface/tokenizers';
import { badWeights } from './weights/bad-weights.ts';
import { isJsonObject, type JsonObject } from './weights/json-file.ts';
import type { TokenizerFiles } from './weights/model-weights.ts';

/**
 * A function from text to token ids, with the special tokens that the model's tokenizer adds around a text.
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export function createTokenizer(files: TokenizerFiles): (text: string) => number[] {
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(withUnicodeDigits(files.tokenizer), files.tokenizerConfig);
  } catch (error) {
    throw badWeights(files.path, '', 'does not describe a tokenizer that is supported', error);
  }
  return (text) => (text === '' ? tokenizer.encode('').ids : tokenizer.encode(text).ids);
}

/**
 * The library's `Digits` step knows only 0 to 9, the reference implementation every Unicode number (class N),
 * so the step is replaced by the equal `Split`.
 */
function withUnicodeDigits(tokenizer: JsonObject): JsonObject {
  const replace = (step: unknown): unknown => {
    if (!isJsonObject(step)) return step;
    if (step['type'] === 'Sequence' && Array.isArray(step['pretokenizers'])) {
      return { ...step, pretokenizers: step['pretokenizers'].map(replace) };
    }
    if (step['type'] !== 'Digits') return step;
    const pattern = { Regex: step['individual_digits'] === true ? '\\p{N}' : '\\p{N}+' };
    return { type: 'Split', pattern, behavior: 'Isolated', invert: false };
  };
  return { ...tokenizer, pre_tokenizer: replace(tokenizer['pre_tokenizer']) };
}
