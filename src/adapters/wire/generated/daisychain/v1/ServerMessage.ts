// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Hello as _daisychain_v1_Hello, Hello__Output as _daisychain_v1_Hello__Output } from '../../daisychain/v1/Hello.ts';
import type { Heartbeat as _daisychain_v1_Heartbeat, Heartbeat__Output as _daisychain_v1_Heartbeat__Output } from '../../daisychain/v1/Heartbeat.ts';
import type { SpanReady as _daisychain_v1_SpanReady, SpanReady__Output as _daisychain_v1_SpanReady__Output } from '../../daisychain/v1/SpanReady.ts';
import type { SpanFailed as _daisychain_v1_SpanFailed, SpanFailed__Output as _daisychain_v1_SpanFailed__Output } from '../../daisychain/v1/SpanFailed.ts';
import type { Leaving as _daisychain_v1_Leaving, Leaving__Output as _daisychain_v1_Leaving__Output } from '../../daisychain/v1/Leaving.ts';

export interface ServerMessage {
  'hello'?: (_daisychain_v1_Hello | null);
  'heartbeat'?: (_daisychain_v1_Heartbeat | null);
  'spanReady'?: (_daisychain_v1_SpanReady | null);
  'spanFailed'?: (_daisychain_v1_SpanFailed | null);
  'leaving'?: (_daisychain_v1_Leaving | null);
  'message'?: "hello"|"heartbeat"|"spanReady"|"spanFailed"|"leaving";
}

export interface ServerMessage__Output {
  'hello'?: (_daisychain_v1_Hello__Output | null);
  'heartbeat'?: (_daisychain_v1_Heartbeat__Output | null);
  'spanReady'?: (_daisychain_v1_SpanReady__Output | null);
  'spanFailed'?: (_daisychain_v1_SpanFailed__Output | null);
  'leaving'?: (_daisychain_v1_Leaving__Output | null);
  'message'?: "hello"|"heartbeat"|"spanReady"|"spanFailed"|"leaving";
}
