// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Performance as _daisychain_v1_Performance, Performance__Output as _daisychain_v1_Performance__Output } from '../../daisychain/v1/Performance.ts';
import type { Long } from '@grpc/proto-loader';

export interface Heartbeat {
  'cacheBytesFree'?: (number | string | Long);
  'sessions'?: (number);
  'performance'?: (_daisychain_v1_Performance | null);
}

export interface Heartbeat__Output {
  'cacheBytesFree': (number);
  'sessions': (number);
  'performance': (_daisychain_v1_Performance__Output | null);
}
