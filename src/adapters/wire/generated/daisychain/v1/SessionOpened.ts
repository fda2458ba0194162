// Original file: proto/daisychain/v1/block_server.proto

import type { Long } from '@grpc/proto-loader';

export interface SessionOpened {
  'cacheBytesFree'?: (number | string | Long);
}

export interface SessionOpened__Output {
  'cacheBytesFree': (number);
}
