import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AcquireRequest as _daisychain_v1_AcquireRequest, AcquireRequest__Output as _daisychain_v1_AcquireRequest__Output } from './daisychain/v1/AcquireRequest.ts';
import type { DispatcherClient as _daisychain_v1_DispatcherClient, DispatcherDefinition as _daisychain_v1_DispatcherDefinition } from './daisychain/v1/Dispatcher.ts';
import type { DispatcherMessage as _daisychain_v1_DispatcherMessage, DispatcherMessage__Output as _daisychain_v1_DispatcherMessage__Output } from './daisychain/v1/DispatcherMessage.ts';
import type { Drained as _daisychain_v1_Drained, Drained__Output as _daisychain_v1_Drained__Output } from './daisychain/v1/Drained.ts';
import type { GenerateEvent as _daisychain_v1_GenerateEvent, GenerateEvent__Output as _daisychain_v1_GenerateEvent__Output } from './daisychain/v1/GenerateEvent.ts';
import type { GenerateRequest as _daisychain_v1_GenerateRequest, GenerateRequest__Output as _daisychain_v1_GenerateRequest__Output } from './daisychain/v1/GenerateRequest.ts';
import type { Heartbeat as _daisychain_v1_Heartbeat, Heartbeat__Output as _daisychain_v1_Heartbeat__Output } from './daisychain/v1/Heartbeat.ts';
import type { Hello as _daisychain_v1_Hello, Hello__Output as _daisychain_v1_Hello__Output } from './daisychain/v1/Hello.ts';
import type { Hop as _daisychain_v1_Hop, Hop__Output as _daisychain_v1_Hop__Output } from './daisychain/v1/Hop.ts';
import type { HostSpan as _daisychain_v1_HostSpan, HostSpan__Output as _daisychain_v1_HostSpan__Output } from './daisychain/v1/HostSpan.ts';
import type { Lease as _daisychain_v1_Lease, Lease__Output as _daisychain_v1_Lease__Output } from './daisychain/v1/Lease.ts';
import type { LeaseRef as _daisychain_v1_LeaseRef, LeaseRef__Output as _daisychain_v1_LeaseRef__Output } from './daisychain/v1/LeaseRef.ts';
import type { Leaving as _daisychain_v1_Leaving, Leaving__Output as _daisychain_v1_Leaving__Output } from './daisychain/v1/Leaving.ts';
import type { Performance as _daisychain_v1_Performance, Performance__Output as _daisychain_v1_Performance__Output } from './daisychain/v1/Performance.ts';
import type { Redirect as _daisychain_v1_Redirect, Redirect__Output as _daisychain_v1_Redirect__Output } from './daisychain/v1/Redirect.ts';
import type { ReleaseReply as _daisychain_v1_ReleaseReply, ReleaseReply__Output as _daisychain_v1_ReleaseReply__Output } from './daisychain/v1/ReleaseReply.ts';
import type { ReleaseRequest as _daisychain_v1_ReleaseRequest, ReleaseRequest__Output as _daisychain_v1_ReleaseRequest__Output } from './daisychain/v1/ReleaseRequest.ts';
import type { Sampling as _daisychain_v1_Sampling, Sampling__Output as _daisychain_v1_Sampling__Output } from './daisychain/v1/Sampling.ts';
import type { ServerMessage as _daisychain_v1_ServerMessage, ServerMessage__Output as _daisychain_v1_ServerMessage__Output } from './daisychain/v1/ServerMessage.ts';
import type { Span as _daisychain_v1_Span, Span__Output as _daisychain_v1_Span__Output } from './daisychain/v1/Span.ts';
import type { SpanFailed as _daisychain_v1_SpanFailed, SpanFailed__Output as _daisychain_v1_SpanFailed__Output } from './daisychain/v1/SpanFailed.ts';
import type { SpanReady as _daisychain_v1_SpanReady, SpanReady__Output as _daisychain_v1_SpanReady__Output } from './daisychain/v1/SpanReady.ts';
import type { SwarmRegistryClient as _daisychain_v1_SwarmRegistryClient, SwarmRegistryDefinition as _daisychain_v1_SwarmRegistryDefinition } from './daisychain/v1/SwarmRegistry.ts';
import type { Welcome as _daisychain_v1_Welcome, Welcome__Output as _daisychain_v1_Welcome__Output } from './daisychain/v1/Welcome.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  daisychain: {
    v1: {
      AcquireRequest: MessageTypeDefinition<_daisychain_v1_AcquireRequest, _daisychain_v1_AcquireRequest__Output>
      Dispatcher: SubtypeConstructor<typeof grpc.Client, _daisychain_v1_DispatcherClient> & { service: _daisychain_v1_DispatcherDefinition }
      DispatcherMessage: MessageTypeDefinition<_daisychain_v1_DispatcherMessage, _daisychain_v1_DispatcherMessage__Output>
      Drained: MessageTypeDefinition<_daisychain_v1_Drained, _daisychain_v1_Drained__Output>
      GenerateEvent: MessageTypeDefinition<_daisychain_v1_GenerateEvent, _daisychain_v1_GenerateEvent__Output>
      GenerateRequest: MessageTypeDefinition<_daisychain_v1_GenerateRequest, _daisychain_v1_GenerateRequest__Output>
      Heartbeat: MessageTypeDefinition<_daisychain_v1_Heartbeat, _daisychain_v1_Heartbeat__Output>
      Hello: MessageTypeDefinition<_daisychain_v1_Hello, _daisychain_v1_Hello__Output>
      Hop: MessageTypeDefinition<_daisychain_v1_Hop, _daisychain_v1_Hop__Output>
      HostSpan: MessageTypeDefinition<_daisychain_v1_HostSpan, _daisychain_v1_HostSpan__Output>
      Lease: MessageTypeDefinition<_daisychain_v1_Lease, _daisychain_v1_Lease__Output>
      LeaseRef: MessageTypeDefinition<_daisychain_v1_LeaseRef, _daisychain_v1_LeaseRef__Output>
      Leaving: MessageTypeDefinition<_daisychain_v1_Leaving, _daisychain_v1_Leaving__Output>
      Performance: MessageTypeDefinition<_daisychain_v1_Performance, _daisychain_v1_Performance__Output>
      Redirect: MessageTypeDefinition<_daisychain_v1_Redirect, _daisychain_v1_Redirect__Output>
      ReleaseReply: MessageTypeDefinition<_daisychain_v1_ReleaseReply, _daisychain_v1_ReleaseReply__Output>
      ReleaseRequest: MessageTypeDefinition<_daisychain_v1_ReleaseRequest, _daisychain_v1_ReleaseRequest__Output>
      Sampling: MessageTypeDefinition<_daisychain_v1_Sampling, _daisychain_v1_Sampling__Output>
      ServerMessage: MessageTypeDefinition<_daisychain_v1_ServerMessage, _daisychain_v1_ServerMessage__Output>
      Span: MessageTypeDefinition<_daisychain_v1_Span, _daisychain_v1_Span__Output>
      SpanFailed: MessageTypeDefinition<_daisychain_v1_SpanFailed, _daisychain_v1_SpanFailed__Output>
      SpanReady: MessageTypeDefinition<_daisychain_v1_SpanReady, _daisychain_v1_SpanReady__Output>
      SwarmRegistry: SubtypeConstructor<typeof grpc.Client, _daisychain_v1_SwarmRegistryClient> & { service: _daisychain_v1_SwarmRegistryDefinition }
      Welcome: MessageTypeDefinition<_daisychain_v1_Welcome, _daisychain_v1_Welcome__Output>
    }
  }
}

