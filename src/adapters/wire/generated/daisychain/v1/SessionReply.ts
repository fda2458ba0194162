// Original file: proto/daisychain/v1/block_server.proto

import type { SessionOpened as _daisychain_v1_SessionOpened, SessionOpened__Output as _daisychain_v1_SessionOpened__Output } from '../../daisychain/v1/SessionOpened.ts';
import type { StepResult as _daisychain_v1_StepResult, StepResult__Output as _daisychain_v1_StepResult__Output } from '../../daisychain/v1/StepResult.ts';
import type { Failure as _daisychain_v1_Failure, Failure__Output as _daisychain_v1_Failure__Output } from '../../daisychain/v1/Failure.ts';

export interface SessionReply {
  'opened'?: (_daisychain_v1_SessionOpened | null);
  'result'?: (_daisychain_v1_StepResult | null);
  'failure'?: (_daisychain_v1_Failure | null);
  'reply'?: "opened"|"result"|"failure";
}

export interface SessionReply__Output {
  'opened'?: (_daisychain_v1_SessionOpened__Output | null);
  'result'?: (_daisychain_v1_StepResult__Output | null);
  'failure'?: (_daisychain_v1_Failure__Output | null);
  'reply'?: "opened"|"result"|"failure";
}
