import { fileURLToPath } from 'node:url';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { DispatcherError } from '../../../domain/shared/errors.ts';

/** Where the contracts lie, both from `src/` and from `dist/`. */
const PROTO_ROOT = fileURLToPath(new URL('../../../../proto', import.meta.url));
const FILES = ['petals/expert.proto', 'petals/unary_call.proto', 'petals/dht.proto', 'petals/kad.proto'];

/** A tensor as it travels; `buffer` may share memory with the message. */
export interface WireTensor {
  readonly buffer: Buffer;
  readonly size: readonly number[];
  readonly requiresGrad?: boolean;
  readonly dtype: string;
  readonly compression: number;
  readonly chunks?: number;
}

export interface WireFindResult {
  /** 0 nothing, 1 one value, 2 a dictionary. */
  readonly type: number;
  readonly value: Buffer;
  /** Unix seconds. */
  readonly expirationTime: number;
  readonly nearestNodeIds: readonly Buffer[];
  readonly nearestPeerIds: readonly Buffer[];
}

export interface WirePeer {
  readonly id: Buffer;
  readonly addresses: readonly Buffer[];
}

interface Messages {
  'petals.expert.ExpertUid': { readonly uid: string };
  'petals.expert.ExpertInfo': { readonly serializedInfo: Buffer };
  'petals.expert.ExpertRequest': {
    readonly uid: string;
    readonly tensors: readonly WireTensor[];
    readonly metadata: Uint8Array;
  };
  'petals.expert.ExpertResponse': { readonly tensors: readonly WireTensor[]; readonly metadata: Uint8Array };
  'petals.unary_call.Request': {
    readonly callId: Uint8Array;
    readonly call: { readonly peerId: Uint8Array; readonly method: string; readonly message: Uint8Array };
  };
  'petals.unary_call.Response': {
    readonly callId: Buffer;
    readonly answer: {
      readonly result: 'message' | 'error';
      readonly message?: Buffer;
      readonly error?: Buffer;
    } | null;
  };
  'petals.unary_call.StreamError': { readonly message: string };
  'petals.dht.FindRequest': { readonly keys: readonly Uint8Array[]; readonly peer: { readonly nodeId: Uint8Array } };
  'petals.dht.FindResponse': { readonly results: readonly WireFindResult[] };
  'petals.kad.Query': { readonly type: number; readonly key: Uint8Array; readonly closerPeers?: readonly WirePeer[] };
}

type MessageName = keyof Messages;

let loaded: PackageDefinition | undefined;

/** Read when first needed: a dispatcher without PETALS servers never reads them. */
function definition<Name extends MessageName>(name: Name): MessageTypeDefinition<Messages[Name], Messages[Name]> {
  loaded ??= loadSync(FILES, { includeDirs: [PROTO_ROOT], longs: Number, defaults: true, oneofs: true });
  return loaded[name] as unknown as MessageTypeDefinition<Messages[Name], Messages[Name]>;
}

/** The bytes of a message of `proto/petals`. */
export function encodePetals<Name extends MessageName>(name: Name, message: Messages[Name]): Buffer {
  return definition(name).serialize(message);
}

/** @throws DispatcherError DSP_BAD_OUTPUT when the bytes are not such a message */
export function decodePetals<Name extends MessageName>(name: Name, bytes: Uint8Array): Required<Messages[Name]> {
  try {
    return definition(name).deserialize(asBuffer(bytes)) as unknown as Required<Messages[Name]>;
  } catch (cause) {
    throw new DispatcherError('DSP_BAD_OUTPUT', `the message is not a ${name.slice(name.lastIndexOf('.') + 1)}`, {
      cause,
    });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
