// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Long } from '@grpc/proto-loader';

export interface SpanFailed {
  'planEpoch'?: (number | string | Long);
  'reason'?: (string);
}

export interface SpanFailed__Output {
  'planEpoch': (number);
  'reason': (string);
}
