import { badWeights } from './bad-weights.ts';
import { isJsonObject, type JsonObject } from './json-file.ts';

/** Shape and constants of a Llama-architecture model. */
export interface ModelConfig {
  /** L. */
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly headCount: number;
  /** Heads of keys and values; divides `headCount`. */
  readonly keyValueHeadCount: number;
  /** Numbers per head; even. */
  readonly headDimension: number;
  readonly feedForwardSize: number;
  readonly vocabularySize: number;
  /** Longest sequence the model was made for, tokens. */
  readonly contextTokens: number;
  readonly normEpsilon: number;
  readonly rotary: RotaryConfig;
  /** The head is the embedding matrix itself. */
  readonly isHeadTied: boolean;
  /** Tokens that end a text; the generation settings of the model may name more. */
  readonly endTokens: readonly number[];
}

export interface RotaryConfig {
  /** theta. */
  readonly base: number;
  /** True when the halves of a rotated pair lie side by side, as in GGUF files; false when half a head apart. */
  readonly isInterleaved: boolean;
  readonly scaling: RotaryScaling;
}

export type RotaryScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContextTokens: number;
    };

/** Upper bounds that keep a hostile file from asking for absurd memory; Llama 3.1 405B is far below each. */
export const MODEL_LIMITS = {
  blocks: 1024,
  hiddenSize: 131_072,
  heads: 1024,
  headDimension: 1024,
  feedForwardSize: 1_048_576,
  vocabularySize: 2_097_152,
  contextTokens: 16_777_216,
} as const;

/**
 * The configuration out of a Hugging Face `config.json` of the Llama architecture.
 * @throws DispatcherError DSP_BAD_WEIGHTS that names file and field
 */
export function parseHuggingFaceConfig(path: string, json: JsonObject): ModelConfig {
  const architectures = json['architectures'];
  if (!Array.isArray(architectures) || !architectures.includes('LlamaForCausalLM')) {
    throw badWeights(path, 'architectures', `must hold "LlamaForCausalLM": no other architecture is served`);
  }
  for (const field of ['attention_bias', 'mlp_bias']) {
    if (json[field] === true) throw badWeights(path, field, 'is true; biases are not supported');
  }
  if ((json['hidden_act'] ?? 'silu') !== 'silu') throw badWeights(path, 'hidden_act', 'must be "silu"');
  const reader = new FieldReader(path, json);
  const hiddenSize = reader.whole('hidden_size', MODEL_LIMITS.hiddenSize);
  const headCount = reader.whole('num_attention_heads', MODEL_LIMITS.heads);
  const keyValueHeadCount = reader.whole('num_key_value_heads', MODEL_LIMITS.heads, headCount);
  return checkShape(path, {
    blockCount: reader.whole('num_hidden_layers', MODEL_LIMITS.blocks),
    hiddenSize,
    headCount,
    keyValueHeadCount,
    headDimension: reader.whole('head_dim', MODEL_LIMITS.headDimension, Math.floor(hiddenSize / headCount)),
    feedForwardSize: reader.whole('intermediate_size', MODEL_LIMITS.feedForwardSize),
    vocabularySize: reader.whole('vocab_size', MODEL_LIMITS.vocabularySize),
    contextTokens: reader.whole('max_position_embeddings', MODEL_LIMITS.contextTokens),
    normEpsilon: reader.positive('rms_norm_eps', 1e-6),
    rotary: readRotary(path, json),
    isHeadTied: json['tie_word_embeddings'] === true,
    endTokens: readTokenIds(path, 'eos_token_id', json['eos_token_id']),
  });
}

/**
 * What must hold between fields, whatever format they came from.
 * @throws DispatcherError DSP_BAD_WEIGHTS
 */
export function checkShape(path: string, config: ModelConfig): ModelConfig {
  if (config.headCount % config.keyValueHeadCount !== 0) {
    throw badWeights(path, 'num_key_value_heads', `must divide num_attention_heads, ${config.headCount}`);
  }
  if (config.headDimension % 2 !== 0) throw badWeights(path, 'head_dim', 'must be even: rotary positions turn pairs');
  for (const token of config.endTokens) {
    if (token >= config.vocabularySize) throw badWeights(path, 'eos_token_id', `${token} lies outside the vocabulary`);
  }
  return config;
}

/** Token ids given as one number, a list, or not at all. */
export function readTokenIds(path: string, field: string, value: unknown): number[] {
  if (value === undefined || value === null) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.length > 64) throw badWeights(path, field, 'names more than 64 tokens');
  return ids.map((id) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
      throw badWeights(path, field, 'must be a token id or a list of them');
    }
    return id;
  });
}

/** Newer files keep the rotary settings in `rope_parameters`; older ones at the top level and in `rope_scaling`. */
function readRotary(path: string, json: JsonObject): RotaryConfig {
  const field = isJsonObject(json['rope_parameters']) ? 'rope_parameters' : 'rope_scaling';
  const settings = isJsonObject(json[field]) ? json[field] : {};
  const reader = new FieldReader(path, settings, `${field}.`);
  const base =
    settings['rope_theta'] === undefined
      ? new FieldReader(path, json).positive('rope_theta', 10_000)
      : reader.positive('rope_theta', 10_000);
  return { base, isInterleaved: false, scaling: readScaling(path, `${field}.rope_type`, settings, reader) };
}

function readScaling(path: string, typeField: string, settings: JsonObject, reader: FieldReader): RotaryScaling {
  const type = settings['rope_type'] ?? settings['type'] ?? 'default';
  if (type === 'default') return { kind: 'none' };
  if (type === 'linear') return { kind: 'linear', factor: reader.positive('factor') };
  if (type === 'llama3') {
    return {
      kind: 'llama3',
      factor: reader.positive('factor'),
      lowFrequencyFactor: reader.positive('low_freq_factor'),
      highFrequencyFactor: reader.positive('high_freq_factor'),
      originalContextTokens: reader.whole('original_max_position_embeddings', MODEL_LIMITS.contextTokens),
    };
  }
  throw badWeights(path, typeField, 'must be "default", "linear" or "llama3"');
}

/** Reads numbers of a JSON object within bounds. */
class FieldReader {
  readonly #path: string;
  readonly #json: JsonObject;
  readonly #prefix: string;

  constructor(path: string, json: JsonObject, prefix = '') {
    this.#path = path;
    this.#json = json;
    this.#prefix = prefix;
  }

  whole(field: string, max: number, fallback?: number): number {
    const value = this.#json[field] ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
      throw badWeights(this.#path, this.#prefix + field, `must be a whole number from 1 to ${max}`);
    }
    return value;
  }

  positive(field: string, fallback?: number): number {
    const value = this.#json[field] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw badWeights(this.#path, this.#prefix + field, 'must be a number above 0');
    }
    return value;
  }
}
