import { badWeights } from './bad-weights.ts';
import type { GgufHeader, GgufValue } from './gguf-header.ts';
import { checkShape, MODEL_LIMITS, type ModelConfig, type RotaryScaling, readTokenIds } from './model-config.ts';

const ARCHITECTURE = 'llama';
/** Frequencies of rotary positions given one by one, as converted Llama 3 models have them. */
const ROTARY_FACTORS = 'rope_freqs.weight';

/**
 * Shape and constants out of the metadata of a GGUF file.
 * @throws DispatcherError DSP_BAD_WEIGHTS that names file and key
 */
export function parseGgufConfig(path: string, { metadata, arrayLengths, tensors }: GgufHeader): ModelConfig {
  if (metadata.get('general.architecture') !== ARCHITECTURE) {
    throw badWeights(path, 'general.architecture', `must be "${ARCHITECTURE}": no other architecture is served`);
  }
  if (tensors.has(ROTARY_FACTORS)) throw badWeights(path, ROTARY_FACTORS, 'is not supported');
  const whole = (key: string, max: number, fallback?: number): number => {
    const value = metadata.get(`${ARCHITECTURE}.${key}`) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw badWeights(path, `${ARCHITECTURE}.${key}`, `must be a whole number from 1 to ${max}`);
  };
  const hiddenSize = whole('embedding_length', MODEL_LIMITS.hiddenSize);
  const headCount = whole('attention.head_count', MODEL_LIMITS.heads);
  const headDimension = whole('attention.key_length', MODEL_LIMITS.headDimension, Math.floor(hiddenSize / headCount));
  if (whole('attention.value_length', MODEL_LIMITS.headDimension, headDimension) !== headDimension) {
    throw badWeights(path, `${ARCHITECTURE}.attention.value_length`, 'must equal attention.key_length');
  }
  if (whole('rope.dimension_count', MODEL_LIMITS.headDimension, headDimension) !== headDimension) {
    throw badWeights(path, `${ARCHITECTURE}.rope.dimension_count`, `must be ${headDimension}, a whole head`);
  }
  return checkShape(path, {
    blockCount: whole('block_count', MODEL_LIMITS.blocks),
    hiddenSize,
    headCount,
    keyValueHeadCount: whole('attention.head_count_kv', MODEL_LIMITS.heads, headCount),
    headDimension,
    feedForwardSize: whole('feed_forward_length', MODEL_LIMITS.feedForwardSize),
    vocabularySize: whole('vocab_size', MODEL_LIMITS.vocabularySize, arrayLengths.get('tokenizer.ggml.tokens')),
    contextTokens: whole('context_length', MODEL_LIMITS.contextTokens),
    normEpsilon: readPositive(path, metadata, 'attention.layer_norm_rms_epsilon'),
    rotary: {
      base: readPositive(path, metadata, 'rope.freq_base', 10_000),
      isInterleaved: true,
      scaling: readScaling(path, metadata),
    },
    isHeadTied: !tensors.has('output.weight'),
    endTokens: readEndTokens(path, metadata),
  });
}

/** float32 in the file: 0.00001 comes as 0.0000099999997, which is rounded back to 7 digits. */
function readPositive(path: string, metadata: ReadonlyMap<string, GgufValue>, key: string, fallback?: number): number {
  const value = metadata.get(`${ARCHITECTURE}.${key}`) ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return Number(value.toPrecision(7));
  throw badWeights(path, `${ARCHITECTURE}.${key}`, 'must be a number above 0');
}

function readScaling(path: string, metadata: ReadonlyMap<string, GgufValue>): RotaryScaling {
  const type = metadata.get(`${ARCHITECTURE}.rope.scaling.type`) ?? 'none';
  if (type === 'none') return { kind: 'none' };
  if (type === 'linear') return { kind: 'linear', factor: readPositive(path, metadata, 'rope.scaling.factor') };
  throw badWeights(path, `${ARCHITECTURE}.rope.scaling.type`, 'must be "none" or "linear"');
}

function readEndTokens(path: string, metadata: ReadonlyMap<string, GgufValue>): number[] {
  const keys = ['tokenizer.ggml.eos_token_id', 'tokenizer.ggml.eot_token_id'];
  return [...new Set(keys.flatMap((key) => readTokenIds(path, key, metadata.get(key))))];
}
