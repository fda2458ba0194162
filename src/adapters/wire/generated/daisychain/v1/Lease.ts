// Original file: proto/daisychain/v1/dispatcher.proto

import type { Hop as _daisychain_v1_Hop, Hop__Output as _daisychain_v1_Hop__Output } from '../../daisychain/v1/Hop.ts';
import type { Long } from '@grpc/proto-loader';

export interface Lease {
  'leaseId'?: (string);
  'hops'?: (_daisychain_v1_Hop)[];
  'expiresInSeconds'?: (number | string);
  'planEpoch'?: (number | string | Long);
  'chainId'?: (string);
}

export interface Lease__Output {
  'leaseId': (string);
  'hops': (_daisychain_v1_Hop__Output)[];
  'expiresInSeconds': (number);
  'planEpoch': (number);
  'chainId': (string);
}
