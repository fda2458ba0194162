import { fileURLToPath } from 'node:url';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { BlockServerDefinition } from './generated/daisychain/v1/BlockServer.ts';
import type { DispatcherDefinition } from './generated/daisychain/v1/Dispatcher.ts';
import type { SwarmRegistryDefinition } from './generated/daisychain/v1/SwarmRegistry.ts';

/** Where the contracts lie, both from `src/` and from `dist/`. */
const PROTO_ROOT = fileURLToPath(new URL('../../../proto', import.meta.url));

const FILES = [
  'daisychain/v1/block_server.proto',
  'daisychain/v1/swarm_registry.proto',
  'daisychain/v1/dispatcher.proto',
];

interface Services {
  readonly BlockServer: BlockServerDefinition;
  readonly SwarmRegistry: SwarmRegistryDefinition;
  readonly Dispatcher: DispatcherDefinition;
}

let loaded: PackageDefinition | undefined;

/**
 * Every message and service of `proto/daisychain/v1`, read once per process. The options agree with
 * those of the script `proto:types`, which writes `generated/`: camel-case fields, 64-bit integers
 * as numbers (exact below 2^53; callers check), defaults filled in, oneofs named.
 */
export function loadProtos(): PackageDefinition {
  loaded ??= loadSync(FILES, { includeDirs: [PROTO_ROOT], longs: Number, enums: String, defaults: true, oneofs: true });
  return loaded;
}

/** The definition of one service of `daisychain.v1`, for a gRPC server or client. */
export function serviceDefinition<Name extends keyof Services>(name: Name): Services[Name] {
  return loadProtos()[`daisychain.v1.${name}`] as unknown as Services[Name];
}
