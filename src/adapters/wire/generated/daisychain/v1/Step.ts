// Original file: proto/daisychain/v1/block_server.proto

import type { Tensor as _daisychain_v1_Tensor, Tensor__Output as _daisychain_v1_Tensor__Output } from '../../daisychain/v1/Tensor.ts';

export interface Step {
  'index'?: (number);
  'position'?: (number);
  'returnTokens'?: (number);
  'hidden'?: (_daisychain_v1_Tensor | null);
}

export interface Step__Output {
  'index': (number);
  'position': (number);
  'returnTokens': (number);
  'hidden': (_daisychain_v1_Tensor__Output | null);
}
