import type { WeightsDtype } from '../domain/model/weights-dtype.ts';

/** Requests to the thread that computes blocks. Those without an answer take effect in the order sent. */
export type ComputeRequest =
  | {
      readonly kind: 'start';
      readonly modelPath: string;
      readonly modelId: string;
      readonly dtype: WeightsDtype;
      readonly threads: number;
    }
  | { readonly kind: 'load'; readonly block: number }
  | { readonly kind: 'unload'; readonly block: number }
  | {
      readonly kind: 'open';
      readonly session: number;
      readonly firstBlock: number;
      readonly blockCount: number;
      readonly maxTokens: number;
    }
  | {
      readonly kind: 'step';
      readonly session: number;
      readonly hidden: Float32Array;
      readonly tokens: number;
      readonly returnTokens: number;
    }
  | { readonly kind: 'close'; readonly session: number }
  | { readonly kind: 'measure'; readonly block: number };

/** Answer to `step`. */
export interface StepResult {
  /** float32[returnTokens, hiddenSize]. */
  readonly hidden: Float32Array;
  readonly computeSeconds: number;
}
