import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import type { SampleRequest } from './sample-token.ts';

/** Requests to the head thread. */
export type HeadRequest =
  | {
      readonly kind: 'start';
      readonly modelPath: string;
      readonly modelId: string;
      readonly dtype: WeightsDtype;
      readonly threads: number;
      /** Embeddings in shared memory, float32[vocabularySize, hiddenSize], when they are the head too. */
      readonly tiedHead: Float32Array | undefined;
    }
  | { readonly kind: 'next'; readonly hidden: Float32Array; readonly sample: SampleRequest };
