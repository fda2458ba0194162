import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { BlockServerClient as _daisychain_v1_BlockServerClient, BlockServerDefinition as _daisychain_v1_BlockServerDefinition } from './daisychain/v1/BlockServer.ts';
import type { DispatcherMessage as _daisychain_v1_DispatcherMessage, DispatcherMessage__Output as _daisychain_v1_DispatcherMessage__Output } from './daisychain/v1/DispatcherMessage.ts';
import type { Drained as _daisychain_v1_Drained, Drained__Output as _daisychain_v1_Drained__Output } from './daisychain/v1/Drained.ts';
import type { Failure as _daisychain_v1_Failure, Failure__Output as _daisychain_v1_Failure__Output } from './daisychain/v1/Failure.ts';
import type { Heartbeat as _daisychain_v1_Heartbeat, Heartbeat__Output as _daisychain_v1_Heartbeat__Output } from './daisychain/v1/Heartbeat.ts';
import type { Hello as _daisychain_v1_Hello, Hello__Output as _daisychain_v1_Hello__Output } from './daisychain/v1/Hello.ts';
import type { HostSpan as _daisychain_v1_HostSpan, HostSpan__Output as _daisychain_v1_HostSpan__Output } from './daisychain/v1/HostSpan.ts';
import type { InfoReply as _daisychain_v1_InfoReply, InfoReply__Output as _daisychain_v1_InfoReply__Output } from './daisychain/v1/InfoReply.ts';
import type { InfoRequest as _daisychain_v1_InfoRequest, InfoRequest__Output as _daisychain_v1_InfoRequest__Output } from './daisychain/v1/InfoRequest.ts';
import type { Leaving as _daisychain_v1_Leaving, Leaving__Output as _daisychain_v1_Leaving__Output } from './daisychain/v1/Leaving.ts';
import type { OpenSession as _daisychain_v1_OpenSession, OpenSession__Output as _daisychain_v1_OpenSession__Output } from './daisychain/v1/OpenSession.ts';
import type { Performance as _daisychain_v1_Performance, Performance__Output as _daisychain_v1_Performance__Output } from './daisychain/v1/Performance.ts';
import type { Redirect as _daisychain_v1_Redirect, Redirect__Output as _daisychain_v1_Redirect__Output } from './daisychain/v1/Redirect.ts';
import type { ServerMessage as _daisychain_v1_ServerMessage, ServerMessage__Output as _daisychain_v1_ServerMessage__Output } from './daisychain/v1/ServerMessage.ts';
import type { SessionOpened as _daisychain_v1_SessionOpened, SessionOpened__Output as _daisychain_v1_SessionOpened__Output } from './daisychain/v1/SessionOpened.ts';
import type { SessionReply as _daisychain_v1_SessionReply, SessionReply__Output as _daisychain_v1_SessionReply__Output } from './daisychain/v1/SessionReply.ts';
import type { SessionRequest as _daisychain_v1_SessionRequest, SessionRequest__Output as _daisychain_v1_SessionRequest__Output } from './daisychain/v1/SessionRequest.ts';
import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from './daisychain/v1/Span.ts';
import type { SpanFailed as _daisychain_v1_SpanFailed, SpanFailed__Output as _daisychain_v1_SpanFailed__Output } from './daisychain/v1/SpanFailed.ts';
import type { SpanReady as _daisychain_v1_SpanReady, SpanReady__Output as _daisychain_v1_SpanReady__Output } from './daisychain/v1/SpanReady.ts';
import type { Step as _daisychain_v1_Step, Step__Output as _daisychain_v1_Step__Output } from './daisychain/v1/Step.ts';
import type { StepResult as _daisychain_v1_StepResult, StepResult__Output as _daisychain_v1_StepResult__Output } from './daisychain/v1/StepResult.ts';
import type { SwarmRegistryClient as _daisychain_v1_SwarmRegistryClient, SwarmRegistryDefinition as _daisychain_v1_SwarmRegistryDefinition } from './daisychain/v1/SwarmRegistry.ts';
import type { Tensor as _daisychain_v1_Tensor, Tensor__Output as _daisychain_v1_Tensor__Output } from './daisychain/v1/Tensor.ts';
import type { Welcome as _daisychain_v1_Welcome, Welcome__Output as _daisychain_v1_Welcome__Output } from './daisychain/v1/Welcome.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  daisychain: {
    v1: {
      BlockServer: SubtypeConstructor<typeof grpc.Client, _daisychain_v1_BlockServerClient> & { service: _daisychain_v1_BlockServerDefinition }
      DispatcherMessage: MessageTypeDefinition<_daisychain_v1_DispatcherMessage, _daisychain_v1_DispatcherMessage__Output>
      Drained: MessageTypeDefinition<_daisychain_v1_Drained, _daisychain_v1_Drained__Output>
      Failure: MessageTypeDefinition<_daisychain_v1_Failure, _daisychain_v1_Failure__Output>
      Heartbeat: MessageTypeDefinition<_daisychain_v1_Heartbeat, _daisychain_v1_Heartbeat__Output>
      Hello: MessageTypeDefinition<_daisychain_v1_Hello, _daisychain_v1_Hello__Output>
      HostSpan: MessageTypeDefinition<_daisychain_v1_HostSpan, _daisychain_v1_HostSpan__Output>
      InfoReply: MessageTypeDefinition<_daisychain_v1_InfoReply, _daisychain_v1_InfoReply__Output>
      InfoRequest: MessageTypeDefinition<_daisychain_v1_InfoRequest, _daisychain_v1_InfoRequest__Output>
      Leaving: MessageTypeDefinition<_daisychain_v1_Leaving, _daisychain_v1_Leaving__Output>
      OpenSession: MessageTypeDefinition<_daisychain_v1_OpenSession, _daisychain_v1_OpenSession__Output>
      Performance: MessageTypeDefinition<_daisychain_v1_Performance, _daisychain_v1_Performance__Output>
      Redirect: MessageTypeDefinition<_daisychain_v1_Redirect, _daisychain_v1_Redirect__Output>
      ServerMessage: MessageTypeDefinition<_daisychain_v1_ServerMessage, _daisychain_v1_ServerMessage__Output>
      SessionOpened: MessageTypeDefinition<_daisychain_v1_SessionOpened, _daisychain_v1_SessionOpened__Output>
      SessionReply: MessageTypeDefinition<_daisychain_v1_SessionReply, _daisychain_v1_SessionReply__Output>
      SessionRequest: MessageTypeDefinition<_daisychain_v1_SessionRequest, _daisychain_v1_SessionRequest__Output>
      Span: MessageTypeDefinition<_daisychain_v1_Span, _daisychain_v1_Span__Output>
      SpanFailed: MessageTypeDefinition<_daisychain_v1_SpanFailed, _daisychain_v1_SpanFailed__Output>
      SpanReady: MessageTypeDefinition<_daisychain_v1_SpanReady, _daisychain_v1_SpanReady__Output>
      Step: MessageTypeDefinition<_daisychain_v1_Step, _daisychain_v1_Step__Output>
      StepResult: MessageTypeDefinition<_daisychain_v1_StepResult, _daisychain_v1_StepResult__Output>
      SwarmRegistry: SubtypeConstructor<typeof grpc.Client, _daisychain_v1_SwarmRegistryClient> & { service: _daisychain_v1_SwarmRegistryDefinition }
      Tensor: MessageTypeDefinition<_daisychain_v1_Tensor, _daisychain_v1_Tensor__Output>
      Welcome: MessageTypeDefinition<_daisychain_v1_Welcome, _daisychain_v1_Welcome__Output>
    }
  }
}

