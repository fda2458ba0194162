import type { ModelConfig } from './model-config.ts';

/**
 * The parameters of one model, whatever file format they are kept in. Tensors go by the names that
 * Hugging Face gives those of Llama (`model.layers.0.self_attn.q_proj.weight`), and are read from the
 * file one at a time, so a block server holds only its own blocks.
 */
export interface ModelWeights {
  /** Lower-case name of the model, for instance `tiny-austen`. */
  readonly id: string;
  readonly config: ModelConfig;
  /** True when a tensor of that name is in the file. */
  has(name: string): boolean;
  /**
   * The tensor in float32, row by row, into `target` when given (its length must be the tensor's).
   * @param shape what the caller expects
   * @throws DispatcherError DSP_BAD_WEIGHTS when it is missing, of another shape or unreadable
   */
  read(name: string, shape: readonly number[], target?: Float32Array): Promise<Float32Array>;
  /** `sha256:` and 64 hexadecimal digits over configuration and parameters. Reads the whole file. */
  digest(): Promise<string>;
  /** Tokenizer and chat template. */
  readTokenizer(): Promise<TokenizerFiles>;
  close(): Promise<void>;
}

/** What a tokenizer is made of, in the form of Hugging Face's files. */
export interface TokenizerFiles {
  /** `tokenizer.json`. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json`; empty when there is none. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Jinja template of a conversation; undefined for a model that was not trained on any. */
  readonly chatTemplate: string | undefined;
  /** File to name in errors. */
  readonly path: string;
}
