// Original file: proto/daisychain/v1/dispatcher.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AcquireRequest as _daisychain_v1_AcquireRequest, AcquireRequest__Output as _daisychain_v1_AcquireRequest__Output } from '../../daisychain/v1/AcquireRequest.ts';
import type { GenerateEvent as _daisychain_v1_GenerateEvent, GenerateEvent__Output as _daisychain_v1_GenerateEvent__Output } from '../../daisychain/v1/GenerateEvent.ts';
import type { GenerateRequest as _daisychain_v1_GenerateRequest, GenerateRequest__Output as _daisychain_v1_GenerateRequest__Output } from '../../daisychain/v1/GenerateRequest.ts';
import type { Lease as _daisychain_v1_Lease, Lease__Output as _daisychain_v1_Lease__Output } from '../../daisychain/v1/Lease.ts';
import type { LeaseRef as _daisychain_v1_LeaseRef, LeaseRef__Output as _daisychain_v1_LeaseRef__Output } from '../../daisychain/v1/LeaseRef.ts';
import type { ReleaseReply as _daisychain_v1_ReleaseReply, ReleaseReply__Output as _daisychain_v1_ReleaseReply__Output } from '../../daisychain/v1/ReleaseReply.ts';
import type { ReleaseRequest as _daisychain_v1_ReleaseRequest, ReleaseRequest__Output as _daisychain_v1_ReleaseRequest__Output } from '../../daisychain/v1/ReleaseRequest.ts';

export interface DispatcherClient extends grpc.Client {
  Acquire(argument: _daisychain_v1_AcquireRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Acquire(argument: _daisychain_v1_AcquireRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Acquire(argument: _daisychain_v1_AcquireRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Acquire(argument: _daisychain_v1_AcquireRequest, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  acquire(argument: _daisychain_v1_AcquireRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  acquire(argument: _daisychain_v1_AcquireRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  acquire(argument: _daisychain_v1_AcquireRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  acquire(argument: _daisychain_v1_AcquireRequest, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  
  Generate(argument: _daisychain_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_daisychain_v1_GenerateEvent__Output>;
  Generate(argument: _daisychain_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_daisychain_v1_GenerateEvent__Output>;
  generate(argument: _daisychain_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_daisychain_v1_GenerateEvent__Output>;
  generate(argument: _daisychain_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_daisychain_v1_GenerateEvent__Output>;
  
  Release(argument: _daisychain_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _daisychain_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _daisychain_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _daisychain_v1_ReleaseRequest, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _daisychain_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _daisychain_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _daisychain_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _daisychain_v1_ReleaseRequest, callback: grpc.requestCallback<_daisychain_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  
  Renew(argument: _daisychain_v1_LeaseRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Renew(argument: _daisychain_v1_LeaseRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Renew(argument: _daisychain_v1_LeaseRef, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  Renew(argument: _daisychain_v1_LeaseRef, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  renew(argument: _daisychain_v1_LeaseRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  renew(argument: _daisychain_v1_LeaseRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  renew(argument: _daisychain_v1_LeaseRef, options: grpc.CallOptions, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  renew(argument: _daisychain_v1_LeaseRef, callback: grpc.requestCallback<_daisychain_v1_Lease__Output>): grpc.ClientUnaryCall;
  
}

export interface DispatcherHandlers extends grpc.UntypedServiceImplementation {
  Acquire: grpc.handleUnaryCall<_daisychain_v1_AcquireRequest__Output, _daisychain_v1_Lease>;
  
  Generate: grpc.handleServerStreamingCall<_daisychain_v1_GenerateRequest__Output, _daisychain_v1_GenerateEvent>;
  
  Release: grpc.handleUnaryCall<_daisychain_v1_ReleaseRequest__Output, _daisychain_v1_ReleaseReply>;
  
  Renew: grpc.handleUnaryCall<_daisychain_v1_LeaseRef__Output, _daisychain_v1_Lease>;
  
}

export interface DispatcherDefinition extends grpc.ServiceDefinition {
  Acquire: MethodDefinition<_daisychain_v1_AcquireRequest, _daisychain_v1_Lease, _daisychain_v1_AcquireRequest__Output, _daisychain_v1_Lease__Output>
  Generate: MethodDefinition<_daisychain_v1_GenerateRequest, _daisychain_v1_GenerateEvent, _daisychain_v1_GenerateRequest__Output, _daisychain_v1_GenerateEvent__Output>
  Release: MethodDefinition<_daisychain_v1_ReleaseRequest, _daisychain_v1_ReleaseReply, _daisychain_v1_ReleaseRequest__Output, _daisychain_v1_ReleaseReply__Output>
  Renew: MethodDefinition<_daisychain_v1_LeaseRef, _daisychain_v1_Lease, _daisychain_v1_LeaseRef__Output, _daisychain_v1_Lease__Output>
}
