// Original file: proto/daisychain/v1/swarm_registry.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DispatcherMessage as _daisychain_v1_DispatcherMessage, DispatcherMessage__Output as _daisychain_v1_DispatcherMessage__Output } from '../../daisychain/v1/DispatcherMessage.ts';
import type { ServerMessage as _daisychain_v1_ServerMessage, ServerMessage__Output as _daisychain_v1_ServerMessage__Output } from '../../daisychain/v1/ServerMessage.ts';

export interface SwarmRegistryClient extends grpc.Client {
  Join(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_ServerMessage, _daisychain_v1_DispatcherMessage__Output>;
  Join(options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_ServerMessage, _daisychain_v1_DispatcherMessage__Output>;
  join(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_ServerMessage, _daisychain_v1_DispatcherMessage__Output>;
  join(options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_ServerMessage, _daisychain_v1_DispatcherMessage__Output>;
  
}

export interface SwarmRegistryHandlers extends grpc.UntypedServiceImplementation {
  Join: grpc.handleBidiStreamingCall<_daisychain_v1_ServerMessage__Output, _daisychain_v1_DispatcherMessage>;
  
}

export interface SwarmRegistryDefinition extends grpc.ServiceDefinition {
  Join: MethodDefinition<_daisychain_v1_ServerMessage, _daisychain_v1_DispatcherMessage, _daisychain_v1_ServerMessage__Output, _daisychain_v1_DispatcherMessage__Output>
}
