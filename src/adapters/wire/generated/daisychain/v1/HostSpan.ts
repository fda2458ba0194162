// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from '../../daisychain/v1/Span.ts';
import type { Long } from '@grpc/proto-loader';

export interface HostSpan {
  'planEpoch'?: (number | string | Long);
  'span'?: (_daisychain_v1_Span | null);
  'cacheBytes'?: (number | string | Long);
}

export interface HostSpan__Output {
  'planEpoch': (number);
  'span': (_daisychain_v1_Span__Output | null);
  'cacheBytes': (number);
}
