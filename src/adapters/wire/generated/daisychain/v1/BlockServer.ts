// Original file: proto/daisychain/v1/block_server.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { InfoReply as _daisychain_v1_InfoReply, InfoReply__Output as _daisychain_v1_InfoReply__Output } from '../../daisychain/v1/InfoReply.ts';
import type { InfoRequest as _daisychain_v1_InfoRequest, InfoRequest__Output as _daisychain_v1_InfoRequest__Output } from '../../daisychain/v1/InfoRequest.ts';
import type { SessionReply as _daisychain_v1_SessionReply, SessionReply__Output as _daisychain_v1_SessionReply__Output } from '../../daisychain/v1/SessionReply.ts';
import type { SessionRequest as _daisychain_v1_SessionRequest, SessionRequest__Output as _daisychain_v1_SessionRequest__Output } from '../../daisychain/v1/SessionRequest.ts';

export interface BlockServerClient extends grpc.Client {
  Info(argument: _daisychain_v1_InfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  Info(argument: _daisychain_v1_InfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  Info(argument: _daisychain_v1_InfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  Info(argument: _daisychain_v1_InfoRequest, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  info(argument: _daisychain_v1_InfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  info(argument: _daisychain_v1_InfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  info(argument: _daisychain_v1_InfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  info(argument: _daisychain_v1_InfoRequest, callback: grpc.requestCallback<_daisychain_v1_InfoReply__Output>): grpc.ClientUnaryCall;
  
  Session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_SessionRequest, _daisychain_v1_SessionReply__Output>;
  Session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_SessionRequest, _daisychain_v1_SessionReply__Output>;
  session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_SessionRequest, _daisychain_v1_SessionReply__Output>;
  session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_daisychain_v1_SessionRequest, _daisychain_v1_SessionReply__Output>;
  
}

export interface BlockServerHandlers extends grpc.UntypedServiceImplementation {
  Info: grpc.handleUnaryCall<_daisychain_v1_InfoRequest__Output, _daisychain_v1_InfoReply>;
  
  Session: grpc.handleBidiStreamingCall<_daisychain_v1_SessionRequest__Output, _daisychain_v1_SessionReply>;
  
}

export interface BlockServerDefinition extends grpc.ServiceDefinition {
  Info: MethodDefinition<_daisychain_v1_InfoRequest, _daisychain_v1_InfoReply, _daisychain_v1_InfoRequest__Output, _daisychain_v1_InfoReply__Output>
  Session: MethodDefinition<_daisychain_v1_SessionRequest, _daisychain_v1_SessionReply, _daisychain_v1_SessionRequest__Output, _daisychain_v1_SessionReply__Output>
}
