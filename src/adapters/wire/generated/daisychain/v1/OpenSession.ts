// Original file: proto/daisychain/v1/block_server.proto

import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from '../../daisychain/v1/Span.ts';
import type { Long } from '@grpc/proto-loader';

export interface OpenSession {
  'sessionId'?: (string);
  'modelId'?: (string);
  'blocks'?: (_daisychain_v1_Span | null);
  'maxTokens'?: (number);
  'dtype'?: (string);
  'planEpoch'?: (number | string | Long);
  'hiddenSize'?: (number);
}

export interface OpenSession__Output {
  'sessionId': (string);
  'modelId': (string);
  'blocks': (_daisychain_v1_Span__Output | null);
  'maxTokens': (number);
  'dtype': (string);
  'planEpoch': (number);
  'hiddenSize': (number);
}
