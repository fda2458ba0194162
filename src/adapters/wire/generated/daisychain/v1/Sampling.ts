// Original file: proto/daisychain/v1/dispatcher.proto

import type { Long } from '@grpc/proto-loader';

export interface Sampling {
  'temperature'?: (number | string);
  'topP'?: (number | string);
  'seed'?: (number | string | Long);
  '_temperature'?: "temperature";
  '_topP'?: "topP";
  '_seed'?: "seed";
}

export interface Sampling__Output {
  'temperature'?: (number);
  'topP'?: (number);
  'seed'?: (number);
  '_temperature'?: "temperature";
  '_topP'?: "topP";
  '_seed'?: "seed";
}
