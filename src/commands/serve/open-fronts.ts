import type { Server as HttpsServer } from 'node:https';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { AddressPolicy } from '../../adapters/grpc/address-policy.ts';
import { buildGrpcServer, type GrpcServer } from '../../adapters/grpc/build-grpc-server.ts';
import { ReloadableCredentials } from '../../adapters/grpc/reloadable-credentials.ts';
import { buildHttpServer } from '../../adapters/http/build-http-server.ts';
import type { MetricsPage } from '../../adapters/http/http-deps.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { systemClock } from '../../adapters/system/system-clock.ts';
import { formatHostPort } from '../../adapters/wire/address.ts';
import type { InferenceService } from '../../application/ports/inference.ts';
import type { RequestJournal } from '../../application/ports/request-journal.ts';
import type { SwarmControl } from '../../application/ports/swarm-control.ts';
import type { SwarmView } from '../../application/ports/swarm-view.ts';
import type { LeaseChain } from '../../application/requests/lease-chain.ts';
import type { ServedModelFacts } from '../../application/swarm/check-registration.ts';
import type { Swarm } from '../../application/swarm/swarm.ts';
import type { Config } from '../../config/schema.ts';
import type { Membership } from '../../domain/membership/membership.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { readTlsFiles } from '../tls-files.ts';
import { openAccess, type ReloadableAccess } from './open-access.ts';

/** What stands behind the fronts. */
export interface FrontParts {
  readonly inference: InferenceService;
  readonly leases: LeaseChain;
  readonly swarm: Swarm;
  readonly membership: Membership;
  readonly model: ServedModelFacts;
  readonly metrics: MetricsPage;
  readonly view: SwarmView;
  readonly control: SwarmControl;
  readonly journal: RequestJournal;
}

/** The HTTP and gRPC fronts. */
export interface Fronts {
  /** Both listen from then on. @returns where @throws DispatcherError DSP_INVALID_ARGUMENT: an address cannot be bound */
  listen(): Promise<{ readonly httpUrl: string; readonly grpcAddress: string }>;
  /** What health checks over gRPC say. */
  setServing(isServing: boolean): void;
  /**
   * Reads the keys file and the certificates again; connections stay open. What is not valid changes nothing.
   * @throws ConfigError, UsageError
   */
  reload(): void;
  /** Ends idle connections at once and the others after `patienceMs` at the latest. */
  close(patienceMs: number): Promise<void>;
}

/** Builds the fronts as configured. @throws ConfigError, UsageError: keys or certificates cannot be used */
export function openFronts(config: Config, parts: FrontParts, log: Logger): Fronts {
  const access = openAccess(config.security);
  const { httpTls, grpcTls } = readCertificates(config);
  const grpcCredentials = grpcTls && new ReloadableCredentials(grpcTls);
  const grpc = buildGrpcFront(config, parts, access, grpcCredentials, log);
  const http = buildHttpServer({
    inference: parts.inference,
    metrics: parts.metrics,
    swarm: parts.view,
    control: parts.control,
    journal: parts.journal,
    log: log.child({ component: 'http' }),
    access: access.keys,
    options: {
      bodyLimitBytes: config.http.max_body_bytes,
      headerLimitBytes: config.http.max_header_bytes,
      headersTimeoutMs: config.http.headers_timeout_seconds * 1000,
      requestTimeoutMs: config.http.receive_timeout_seconds * 1000,
      keepAliveTimeoutMs: config.http.keep_alive_seconds * 1000,
      slowClientTimeoutMs: config.http.slow_client_timeout_seconds * 1000,
      maxConnections: config.limits.max_connections,
      maxJobsPerRequest: config.limits.max_choices_per_request,
      corsOrigins: config.http.cors_origins,
      tls: httpTls,
    },
  });
  return {
    listen: async () => {
      const { host, port } = config.http;
      const httpUrl = await http.listen({ host, port }).catch((error: unknown) => {
        throw cannotListen('http', config.http, error);
      });
      const grpcPort = await grpc.listen(config.grpc.host, config.grpc.port).catch(async (error: unknown) => {
        await http.close();
        throw cannotListen('grpc', config.grpc, error);
      });
      return { httpUrl, grpcAddress: `${config.grpc.host}:${grpcPort}` };
    },
    setServing: (isServing) => grpc.setServing(isServing),
    reload: () => {
      const { httpTls: newHttpTls, grpcTls: newGrpcTls } = readCertificates(config);
      access.reload();
      if (newHttpTls !== undefined) (http.server as unknown as HttpsServer).setSecureContext(newHttpTls);
      if (newGrpcTls !== undefined) grpcCredentials?.replace(newGrpcTls);
    },
    close: async (patienceMs) => {
      const patience = Promise.withResolvers<void>();
      const cancelTimer = systemClock.setTimer(patienceMs, patience.resolve);
      await Promise.race([Promise.all([http.close(), grpc.close()]), patience.promise]);
      cancelTimer();
      http.server.closeAllConnections();
      grpc.forceClose();
    },
  };
}

function readCertificates({ http, grpc }: Config) {
  return {
    httpTls: readTlsFiles('http', { cert: http.tls_cert_file, key: http.tls_key_file, clientCa: undefined }),
    grpcTls: readTlsFiles('grpc', {
      cert: grpc.tls_cert_file,
      key: grpc.tls_key_file,
      clientCa: grpc.client_ca_file,
    }),
  };
}

function buildGrpcFront(
  config: Config,
  parts: FrontParts,
  access: ReloadableAccess,
  tls: ReloadableCredentials | undefined,
  log: Logger,
): GrpcServer {
  const registryLog = log.child({ component: 'registry' });
  return buildGrpcServer(
    {
      swarm: parts.swarm,
      membership: parts.membership,
      model: parts.model,
      addresses: new AddressPolicy({
        serverAddresses: config.swarm.server_addresses,
        networks: config.swarm.server_networks,
      }),
      clock: systemClock,
      log: (message, fields) => registryLog.info(fields, message),
    },
    {
      inference: parts.inference,
      leases: parts.leases,
      newId: newRandomId,
      newSeed: () => Math.floor(Math.random() * 2 ** 32),
      clientKeys: access.keys.clients,
      logFailure: (error) => log.error({ err: error, component: 'grpc' }, 'call failed'),
    },
    {
      maxMessageBytes: config.grpc.max_message_bytes,
      keepaliveSeconds: config.grpc.keepalive_seconds,
      registry: {
        heartbeatIntervalSeconds: config.swarm.heartbeat_interval_seconds,
        leaseSeconds: config.swarm.lease_seconds,
        dispatcherId: newRandomId(),
        joinTokens: access.joinTokens,
        maxAnonymousStreams: config.limits.max_servers,
      },
      credentials: tls?.credentials ?? ServerCredentials.createInsecure(),
    },
  );
}

/** @param error why an address of the section cannot be bound */
function cannotListen(
  section: 'http' | 'grpc',
  { host, port }: Pick<Config['http'], 'host' | 'port'>,
  error: unknown,
): DispatcherError {
  const param = `${section}.port`;
  const reason = error instanceof Error ? error.message : String(error);
  const address = formatHostPort({ host, port });
  const told = reason.includes('EADDRINUSE')
    ? `${address} is in use: another dispatcher or program listens there; end it, or choose another port with --${section}-port (0: any free one)`
    : `${address} cannot be listened on: ${reason}`;
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param}: ${told}`, { param, cause: error });
}
