import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { formatHostPort } from '../wire/address.ts';
import { loadProtos, serviceDefinition } from '../wire/load-protos.ts';
import { type DispatcherServiceDependencies, dispatcherHandlers } from './dispatcher-service.ts';
import { type RegistryServiceDependencies, type RegistryServiceOptions, registryHandlers } from './registry-service.ts';

export interface GrpcServerOptions {
  readonly maxMessageBytes: number;
  readonly keepaliveSeconds: number;
  readonly registry: RegistryServiceOptions;
  readonly credentials: ServerCredentials;
}

/** The dispatcher's gRPC front, built and not yet listening. */
export interface GrpcServer {
  /** @returns the port bound   @throws Error of grpc-js: the address cannot be bound */
  listen(host: string, port: number): Promise<number>;
  /** What `grpc.health.v1.Health` answers, for "" and for `daisychain.v1.Dispatcher`. Joining is possible as long as the process lives. */
  setServing(isServing: boolean): void;
  /** No new calls; those running go on until they end or `forceClose`. */
  close(): Promise<void>;
  forceClose(): void;
}

const REGISTRY = 'daisychain.v1.SwarmRegistry';
const DISPATCHER = 'daisychain.v1.Dispatcher';

export function buildGrpcServer(
  registry: RegistryServiceDependencies,
  dispatcher: DispatcherServiceDependencies,
  options: GrpcServerOptions,
): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes,
    'grpc.max_send_message_length': options.maxMessageBytes,
    'grpc.keepalive_time_ms': options.keepaliveSeconds * 1000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_concurrent_streams': 1_000,
  });
  server.addService(serviceDefinition('SwarmRegistry'), registryHandlers(registry, options.registry));
  server.addService(serviceDefinition('Dispatcher'), dispatcherHandlers(dispatcher));
  const health = new HealthImplementation({ '': 'NOT_SERVING', [DISPATCHER]: 'NOT_SERVING', [REGISTRY]: 'SERVING' });
  health.addToServer(server);
  new ReflectionService(loadProtos(), { services: [REGISTRY, DISPATCHER] }).addToServer(server);

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.bindAsync(formatHostPort({ host, port }), options.credentials, (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        );
      }),
    setServing: (isServing) => {
      const status = isServing ? 'SERVING' : 'NOT_SERVING';
      health.setStatus('', status);
      health.setStatus(DISPATCHER, status);
    },
    close: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    forceClose: () => server.forceShutdown(),
  };
}
