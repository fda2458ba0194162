// Original file: proto/daisychain/v1/dispatcher.proto

import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from '../../daisychain/v1/Span.ts';

export interface Hop {
  'serverId'?: (string);
  'address'?: (string);
  'protocol'?: (string);
  'span'?: (_daisychain_v1_Span | null);
  'sessionToken'?: (string);
  'certificate'?: (string);
}

export interface Hop__Output {
  'serverId': (string);
  'address': (string);
  'protocol': (string);
  'span': (_daisychain_v1_Span__Output | null);
  'sessionToken': (string);
  'certificate': (string);
}
