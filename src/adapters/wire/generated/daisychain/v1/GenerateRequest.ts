// Original file: proto/daisychain/v1/dispatcher.proto

import type { Sampling as _daisychain_v1_Sampling, Sampling__Output as _daisychain_v1_Sampling__Output } from '../../daisychain/v1/Sampling.ts';

export interface GenerateRequest {
  'modelId'?: (string);
  'prompt'?: (string);
  'promptTokens'?: (number)[];
  'maxOutputTokens'?: (number);
  'sampling'?: (_daisychain_v1_Sampling | null);
  'stop'?: (string)[];
  'priority'?: (string);
  'tenant'?: (string);
}

export interface GenerateRequest__Output {
  'modelId': (string);
  'prompt': (string);
  'promptTokens': (number)[];
  'maxOutputTokens': (number);
  'sampling': (_daisychain_v1_Sampling__Output | null);
  'stop': (string)[];
  'priority': (string);
  'tenant': (string);
}
