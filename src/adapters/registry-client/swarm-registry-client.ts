import { connect } from 'node:net';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import type {
  JoinRequest,
  Registration,
  RegistrationListener,
  ServerSpeed,
  SwarmRegistry,
} from '../../application/ports/swarm-registry.ts';
import type { Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { parseHostPort } from '../wire/address.ts';
import { connectionProblem } from '../wire/failure-codes.ts';
import type { DispatcherMessage__Output } from '../wire/generated/daisychain/v1/DispatcherMessage.ts';
import type { Hello } from '../wire/generated/daisychain/v1/Hello.ts';
import type { Performance } from '../wire/generated/daisychain/v1/Performance.ts';
import type { ServerMessage } from '../wire/generated/daisychain/v1/ServerMessage.ts';
import { MAX_MESSAGE_BYTES } from '../wire/limits.ts';
import { serviceDefinition } from '../wire/load-protos.ts';
import { printablePeerText } from '../wire/printable-text.ts';

const { Join } = serviceDefinition('SwarmRegistry');

const ROUND_TRIP_TIMEOUT_MS = 2_000;

/** Statuses with which a dispatcher says that this server cannot join as it is, and what to do. */
const REFUSALS = new Map<number, string>([
  [status.INVALID_ARGUMENT, ''],
  [status.FAILED_PRECONDITION, ''],
  [status.PERMISSION_DENIED, ''],
  [status.UNAUTHENTICATED, ''],
  [status.UNIMPLEMENTED, ' Is it the gRPC port of a daisychain dispatcher (50051 by default)?'],
]);

/** How a dispatcher that speaks TLS is trusted, and who this server shows to be; PEM texts. */
export interface RegistryTls {
  /** Authorities of the dispatcher's certificate. */
  readonly ca: Buffer;
  /** This server's own certificate, where the dispatcher asks for one. */
  readonly identity: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/** Joins dispatchers over `daisychain.v1.SwarmRegistry`. @param tls undefined: without TLS */
export function createGrpcSwarmRegistry(tls: RegistryTls | undefined): SwarmRegistry {
  const channel =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(tls.ca, tls.identity?.key ?? null, tls.identity?.cert ?? null);
  return {
    ...WITHOUT_CHANNEL,
    join: (address, hello, listener) => new GrpcRegistration(address, hello, listener, channel),
  };
}

/** The shortest of so many counts: the others waited for something else, such as a machine that just starts. */
const ROUND_TRIPS = 3;

const WITHOUT_CHANNEL: Pick<SwarmRegistry, 'measureRoundTripSeconds'> = {
  measureRoundTripSeconds: async (address) => {
    const target = parseHostPort(address);
    if (target === undefined) return undefined;
    let shortest: number | undefined;
    for (let i = 0; i < ROUND_TRIPS; i += 1) {
      const seconds = await connectSeconds(target);
      if (seconds === undefined) return shortest;
      shortest = Math.min(seconds, shortest ?? seconds);
    }
    return shortest;
  },
};

/** Opening a TCP connection takes one round trip, and nothing of the dispatcher's time. Undefined: it cannot be opened. */
function connectSeconds(target: { readonly host: string; readonly port: number }): Promise<number | undefined> {
  return new Promise((resolve) => {
    const startMs = performance.now();
    const socket = connect({ ...target, timeout: ROUND_TRIP_TIMEOUT_MS });
    const end = (seconds: number | undefined): void => {
      socket.destroy();
      resolve(seconds);
    };
    socket.once('connect', () => end((performance.now() - startMs) / 1000));
    socket.once('timeout', () => end(undefined));
    socket.once('error', () => end(undefined));
  });
}

/** Joins dispatchers without TLS. */
export const grpcSwarmRegistry: SwarmRegistry = createGrpcSwarmRegistry(undefined);

class GrpcRegistration implements Registration {
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<ServerMessage, DispatcherMessage__Output>;
  readonly #listener: RegistrationListener;
  readonly #address: string;
  #isOver = false;

  constructor(address: string, hello: JoinRequest, listener: RegistrationListener, channel: ChannelCredentials) {
    this.#listener = listener;
    this.#address = address;
    this.#client = new Client(
      parseHostPort(address) === undefined ? 'dns:invalid.invalid:1' : `dns:${address}`,
      channel,
      {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_retries': 0,
        'grpc.service_config_disable_resolution': 1,
        'grpc.keepalive_time_ms': 10_000,
        'grpc.keepalive_timeout_ms': 5_000,
        'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      },
    );
    this.#stream = this.#client.makeBidiStreamRequest(
      Join.path,
      Join.requestSerialize,
      Join.responseDeserialize,
      new Metadata(),
      {},
    );
    this.#stream.on('data', (message: DispatcherMessage__Output) => this.#receive(message));
    this.#stream.on('status', (end: StatusObject) => this.#end(end));
    // 'status' tells the same; without this listener node would treat it as unhandled.
    this.#stream.on('error', () => {});
    this.#send({ hello: helloMessage(hello) });
  }

  heartbeat(state: { readonly cacheBytesFree: number; readonly sessions: number; readonly speed: ServerSpeed }): void {
    this.#send({
      heartbeat: {
        cacheBytesFree: state.cacheBytesFree,
        sessions: state.sessions,
        performance: performanceMessage(state.speed),
      },
    });
  }

  spanReady(planEpoch: number, span: Span): void {
    this.#send({ spanReady: { planEpoch, span } });
  }

  spanFailed(planEpoch: number, reason: string): void {
    this.#send({ spanFailed: { planEpoch, reason } });
  }

  leaving(reason: string): void {
    this.#send({ leaving: { reason } });
  }

  close(): void {
    this.#stream.cancel();
  }

  #send(message: ServerMessage): void {
    if (!this.#isOver) this.#stream.write(message);
  }

  #receive({ welcome, hostSpan, drained, redirect }: DispatcherMessage__Output): void {
    if (this.#isOver) return;
    if (welcome)
      this.#listener.welcomed({
        heartbeatIntervalMs: welcome.heartbeatIntervalSeconds * 1000,
        dispatcherId: printablePeerText(welcome.dispatcherId),
      });
    else if (hostSpan) {
      const { firstBlock, blockCount } = hostSpan.span ?? { firstBlock: 0, blockCount: 0 };
      this.#listener.ordered({
        planEpoch: hostSpan.planEpoch,
        span: { firstBlock, blockCount },
        cacheBytes: hostSpan.cacheBytes,
      });
    } else if (drained) this.#listener.drained();
    else if (redirect) this.#listener.redirected(redirect.address);
    // Messages that a later version adds are left out.
  }

  #end({ code, details }: StatusObject): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#client.close();
    const said = connectionProblem(details);
    const remedy = REFUSALS.get(code);
    if (remedy !== undefined) {
      const error = code === status.UNAUTHENTICATED ? 'DSP_UNAUTHENTICATED' : 'DSP_JOIN_REFUSED';
      this.#listener.ended({
        kind: 'refused',
        error: new DispatcherError(
          error,
          `The dispatcher at ${this.#address} refused this server: ${said}.${remedy}`.replace(/\.\.+( |$)/, '.$1'),
        ),
      });
      return;
    }
    const why = code === status.OK ? 'it ended the stream' : said;
    this.#listener.ended({
      kind: 'lost',
      error: new DispatcherError('DSP_SERVER_LOST', `The dispatcher at ${this.#address} is not connected: ${why}`),
    });
  }
}

function helloMessage(hello: JoinRequest): Hello {
  return {
    serverId: hello.serverId,
    modelId: hello.modelId,
    address: hello.address,
    protocol: hello.protocol ?? 'grpc',
    memoryBytes: hello.memoryBytes,
    performance: performanceMessage(hello.speed),
    ...(hello.hosted === undefined ? {} : { hosted: hello.hosted }),
    pinned: false,
    labels: hello.labels,
    joinToken: hello.joinToken,
    dtype: hello.dtype,
    weightsDigest: hello.weightsDigest,
    sessionToken: hello.sessionToken ?? '',
    certificate: hello.certificate ?? '',
  };
}

function performanceMessage({ rttSeconds, ...speed }: ServerSpeed): Performance {
  return { ...speed, ...(rttSeconds === undefined ? {} : { rttSeconds }) };
}
