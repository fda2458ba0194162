// Original file: proto/daisychain/v1/block_server.proto

import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from '../../daisychain/v1/Span.ts';
import type { Long } from '@grpc/proto-loader';

export interface InfoReply {
  'modelId'?: (string);
  'blockCount'?: (number);
  'hiddenSize'?: (number);
  'hosted'?: (_daisychain_v1_Span | null);
  'cacheBytesFree'?: (number | string | Long);
  'sessions'?: (number);
  'weightsDigest'?: (string);
  '_hosted'?: "hosted";
}

export interface InfoReply__Output {
  'modelId': (string);
  'blockCount': (number);
  'hiddenSize': (number);
  'hosted'?: (_daisychain_v1_Span__Output | null);
  'cacheBytesFree': (number);
  'sessions': (number);
  'weightsDigest': (string);
  '_hosted'?: "hosted";
}
