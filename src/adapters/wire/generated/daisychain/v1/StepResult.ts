// Original file: proto/daisychain/v1/block_server.proto

import type { Tensor as _daisychain_v1_Tensor, Tensor__Output as _daisychain_v1_Tensor__Output } from '../../daisychain/v1/Tensor.ts';

export interface StepResult {
  'index'?: (number);
  'hidden'?: (_daisychain_v1_Tensor | null);
  'computeSeconds'?: (number | string);
}

export interface StepResult__Output {
  'index': (number);
  'hidden': (_daisychain_v1_Tensor__Output | null);
  'computeSeconds': (number);
}
