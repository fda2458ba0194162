// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Performance as _daisychain_v1_Performance, Performance__Output as _daisychain_v1_Performance__Output } from '../../daisychain/v1/Performance.ts';
import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from '../../daisychain/v1/Span.ts';
import type { Long } from '@grpc/proto-loader';

export interface Hello {
  'serverId'?: (string);
  'modelId'?: (string);
  'address'?: (string);
  'protocol'?: (string);
  'memoryBytes'?: (number | string | Long);
  'performance'?: (_daisychain_v1_Performance | null);
  'hosted'?: (_daisychain_v1_Span | null);
  'pinned'?: (boolean);
  'labels'?: ({[key: string]: string});
  'joinToken'?: (string);
  'dtype'?: (string);
  'weightsDigest'?: (string);
  'sessionToken'?: (string);
  'certificate'?: (string);
  '_hosted'?: "hosted";
}

export interface Hello__Output {
  'serverId': (string);
  'modelId': (string);
  'address': (string);
  'protocol': (string);
  'memoryBytes': (number);
  'performance': (_daisychain_v1_Performance__Output | null);
  'hosted'?: (_daisychain_v1_Span__Output | null);
  'pinned': (boolean);
  'labels': ({[key: string]: string});
  'joinToken': (string);
  'dtype': (string);
  'weightsDigest': (string);
  'sessionToken': (string);
  'certificate': (string);
  '_hosted'?: "hosted";
}
