import { badWeights } from './bad-weights.ts';
import type { GgufValue } from './gguf-header.ts';
import type { JsonObject } from './json-file.ts';
import type { TokenizerFiles } from './model-weights.ts';

type Metadata = ReadonlyMap<string, GgufValue>;

/** llama.cpp's token types. */
const TYPE_CONTROL = 3;
const TYPE_USER_DEFINED = 4;

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * How text is cut before merging, by llama.cpp's name of it, in the form of `tokenizer.json`.
 * Each is what the models of that name have in their own `tokenizer.json`.
 */
const PRE_TOKENIZERS: Readonly<Record<string, JsonObject>> = {
  'gpt-2': BYTE_LEVEL,
  smollm: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, BYTE_LEVEL] },
};

/**
 * The tokenizer that a GGUF file carries, as `tokenizer.json` would describe it. Byte-level BPE only.
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export function readGgufTokenizer(path: string, metadata: Metadata): TokenizerFiles {
  if (metadata.get('tokenizer.ggml.model') !== 'gpt2') {
    throw badWeights(path, 'tokenizer.ggml.model', 'must be "gpt2": only byte-level BPE tokenizers are supported');
  }
  const pre = String(metadata.get('tokenizer.ggml.pre') ?? 'gpt-2');
  if (!Object.hasOwn(PRE_TOKENIZERS, pre)) {
    const known = Object.keys(PRE_TOKENIZERS).join('" or "');
    throw badWeights(path, 'tokenizer.ggml.pre', `is "${pre}"; "${known}" are supported`);
  }
  const tokens = readStrings(path, metadata, 'tokenizer.ggml.tokens');
  const types = metadata.get('tokenizer.ggml.token_type');
  const typeOf = (id: number): unknown => (Array.isArray(types) ? types[id] : undefined);
  const added = tokens.flatMap((content, id) => {
    const isSpecial = typeOf(id) === TYPE_CONTROL;
    if (!isSpecial && typeOf(id) !== TYPE_USER_DEFINED) return [];
    return [{ id, content, special: isSpecial, single_word: false, lstrip: false, rstrip: false, normalized: false }];
  });
  const template = metadata.get('tokenizer.chat_template');
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: PRE_TOKENIZERS[pre],
      post_processor: createPostProcessor(path, metadata, tokens),
      decoder: BYTE_LEVEL,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((text, id) => [text, id])),
        merges: readStrings(path, metadata, 'tokenizer.ggml.merges').map((merge) => splitMerge(path, merge)),
      },
    },
    tokenizerConfig: {
      bos_token: tokenAt(tokens, metadata, 'tokenizer.ggml.bos_token_id'),
      eos_token: tokenAt(tokens, metadata, 'tokenizer.ggml.eos_token_id'),
    },
    chatTemplate: typeof template === 'string' ? template : undefined,
    path,
  };
}

/** Puts the begin-of-text token first where the file asks for it. */
function createPostProcessor(path: string, metadata: Metadata, tokens: readonly string[]): JsonObject | null {
  if (metadata.get('tokenizer.ggml.add_bos_token') !== true) return null;
  const content = tokenAt(tokens, metadata, 'tokenizer.ggml.bos_token_id');
  if (content === '') throw badWeights(path, 'tokenizer.ggml.bos_token_id', 'is missing, and add_bos_token is true');
  const id = tokens.indexOf(content);
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}

/** Byte-level tokens hold no space, so the first one separates the two halves. */
function splitMerge(path: string, merge: string): [string, string] {
  const at = merge.indexOf(' ');
  if (at < 1) throw badWeights(path, 'tokenizer.ggml.merges', `holds ${JSON.stringify(merge)}, which is no pair`);
  return [merge.slice(0, at), merge.slice(at + 1)];
}

function tokenAt(tokens: readonly string[], metadata: Metadata, key: string): string {
  const id = metadata.get(key);
  return typeof id === 'number' ? (tokens[id] ?? '') : '';
}

function readStrings(path: string, metadata: Metadata, key: string): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw badWeights(path, key, 'must be a list of strings');
  }
  return value;
}
