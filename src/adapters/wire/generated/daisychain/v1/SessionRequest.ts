// Original file: proto/daisychain/v1/block_server.proto

import type { OpenSession as _daisychain_v1_OpenSession, OpenSession__Output as _daisychain_v1_OpenSession__Output } from '../../daisychain/v1/OpenSession.ts';
import type { Step as _daisychain_v1_Step, Step__Output as _daisychain_v1_Step__Output } from '../../daisychain/v1/Step.ts';

export interface SessionRequest {
  'open'?: (_daisychain_v1_OpenSession | null);
  'step'?: (_daisychain_v1_Step | null);
  'request'?: "open"|"step";
}

export interface SessionRequest__Output {
  'open'?: (_daisychain_v1_OpenSession__Output | null);
  'step'?: (_daisychain_v1_Step__Output | null);
  'request'?: "open"|"step";
}
