import { badWeights } from './weights/bad-weights.ts';
import { isJsonObject, type JsonObject } from './weights/json-file.ts';
import type { TokenizerFiles } from './weights/model-weights.ts';

/** What a tokenizer's decoder makes of tokens, token by token. */
export interface TokenBytes {
  /** UTF-8 bytes that the token stands for; a part of a character at times. Empty for special and unknown tokens. */
  bytesOf(token: number): Uint8Array;
  /** Bytes of the longest token, special ones included. */
  readonly longestBytes: number;
  /** True when one space at the very start of a text is not part of it. */
  readonly dropsLeadingSpace: boolean;
}

const NO_BYTES = new Uint8Array(0);
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;
const WORD_MARK = /\u2581/g;
/** Bytes below this are control characters, which the byte-level alphabet moves up. */
const FIRST_MOVED_CHARACTER = 0x100;

/**
 * Reads vocabulary and decoder of `tokenizer.json`. Two decoders occur with the Llama architecture: byte-level
 * (Llama 3, SmolLM), and words marked by U+2581 with `<0xHH>` for lone bytes (Llama 2).
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export function readTokenBytes({ tokenizer, path }: TokenizerFiles): TokenBytes {
  const model = isJsonObject(tokenizer['model']) ? tokenizer['model'] : {};
  if (model['type'] !== 'BPE') throw badWeights(path, 'model.type', 'must be "BPE"');
  if (!isJsonObject(model['vocab'])) throw badWeights(path, 'model.vocab', 'must be an object');
  const texts = new Map<number, string>();
  for (const [text, id] of Object.entries(model['vocab'])) texts.set(checkId(path, 'model.vocab', id), text);
  const specials = new Set<number>();
  for (const added of listObjects(tokenizer['added_tokens'])) {
    const id = checkId(path, 'added_tokens', added['id']);
    texts.set(id, String(added['content']));
    if (added['special'] === true) specials.add(id);
  }
  const decoders = listDecoders(tokenizer['decoder']);
  const types = decoders.map((decoder) => decoder['type']);
  const toBytes = types.includes('ByteLevel')
    ? createByteLevelReader()
    : types.includes('ByteFallback')
      ? readMarkedWord
      : undefined;
  if (toBytes === undefined) throw badWeights(path, 'decoder', 'must be ByteLevel, or a sequence with ByteFallback');
  let longestBytes = 1;
  for (const [id, text] of texts) {
    const bytes = specials.has(id) ? Buffer.byteLength(text) : toBytes(text).length;
    longestBytes = Math.max(longestBytes, bytes);
  }
  return {
    longestBytes,
    bytesOf: (token) => {
      const text = texts.get(token);
      return text === undefined || specials.has(token) ? NO_BYTES : toBytes(text);
    },
    dropsLeadingSpace: decoders.some((decoder) => decoder['type'] === 'Strip' && decoder['start'] === 1),
  };
}

/** The alphabet that GPT-2 introduced: each byte as a visible character, printable Latin-1 as itself. */
function createByteLevelReader(): (text: string) => Uint8Array {
  const bytes = new Map<string, number>();
  let moved = FIRST_MOVED_CHARACTER;
  for (let byte = 0; byte < 256; byte += 1) {
    const isVisible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    bytes.set(String.fromCharCode(isVisible ? byte : moved), byte);
    if (!isVisible) moved += 1;
  }
  return (text) => {
    const result = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) {
      const byte = bytes.get(text.charAt(i));
      // A token outside the alphabet was added as plain text.
      if (byte === undefined) return Buffer.from(text, 'utf8');
      result[i] = byte;
    }
    return result;
  };
}

function readMarkedWord(text: string): Uint8Array {
  const hex = BYTE_TOKEN.exec(text)?.[1];
  return hex === undefined
    ? Buffer.from(text.replace(WORD_MARK, ' '), 'utf8')
    : Uint8Array.of(Number.parseInt(hex, 16));
}

function listDecoders(value: unknown): JsonObject[] {
  if (!isJsonObject(value)) return [];
  return value['type'] === 'Sequence' ? listObjects(value['decoders']) : [value];
}

function listObjects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function checkId(path: string, field: string, id: unknown): number {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
    throw badWeights(path, field, 'must give each token a whole number as its id');
  }
  return id;
}
