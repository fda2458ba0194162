// Original file: proto/daisychain/v1/swarm_registry.proto

import type { Welcome as _daisychain_v1_Welcome, Welcome__Output as _daisychain_v1_Welcome__Output } from '../../daisychain/v1/Welcome.ts';
import type { HostSpan as _daisychain_v1_HostSpan, HostSpan__Output as _daisychain_v1_HostSpan__Output } from '../../daisychain/v1/HostSpan.ts';
import type { Drained as _daisychain_v1_Drained, Drained__Output as _daisychain_v1_Drained__Output } from '../../daisychain/v1/Drained.ts';
import type { Redirect as _daisychain_v1_Redirect, Redirect__Output as _daisychain_v1_Redirect__Output } from '../../daisychain/v1/Redirect.ts';

export interface DispatcherMessage {
  'welcome'?: (_daisychain_v1_Welcome | null);
  'hostSpan'?: (_daisychain_v1_HostSpan | null);
  'drained'?: (_daisychain_v1_Drained | null);
  'redirect'?: (_daisychain_v1_Redirect | null);
  'message'?: "welcome"|"hostSpan"|"drained"|"redirect";
}

export interface DispatcherMessage__Output {
  'welcome'?: (_daisychain_v1_Welcome__Output | null);
  'hostSpan'?: (_daisychain_v1_HostSpan__Output | null);
  'drained'?: (_daisychain_v1_Drained__Output | null);
  'redirect'?: (_daisychain_v1_Redirect__Output | null);
  'message'?: "welcome"|"hostSpan"|"drained"|"redirect";
}
