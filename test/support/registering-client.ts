import { fileURLToPath } from 'node:url';
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));

type ClientClass = new (address: string, credentials: ChannelCredentials) => DynamicClient;

/** A client made at run time: methods by name. */
interface DynamicClient {
  close(): void;
  // biome-ignore lint/suspicious/noExplicitAny: methods made at run time have no static types
  [method: string]: (...args: any[]) => any;
}

/** The two services, read from the .proto files as any other client would: nothing of `src` is used. */
const { v1 } = (
  loadPackageDefinition(
    loadSync(['daisychain/v1/swarm_registry.proto', 'daisychain/v1/dispatcher.proto'], {
      includeDirs: [PROTO_ROOT],
      longs: Number,
      defaults: true,
      oneofs: true,
    }),
  ) as unknown as { daisychain: { v1: { SwarmRegistry: ClientClass; Dispatcher: ClientClass } } }
).daisychain;

export type Message = Record<string, unknown>;

/** A server that speaks the contract by hand. */
export class RegisteringClient {
  readonly received: Record<string, Record<string, unknown>>[] = [];
  ended: { readonly code: number; readonly details: string } | undefined;
  readonly #client: DynamicClient;
  readonly #stream: ClientDuplexStream<Message, Record<string, Record<string, unknown>>>;

  constructor(address: string) {
    this.#client = new v1.SwarmRegistry(address, credentials.createInsecure());
    this.#stream = this.#client['Join']?.();
    this.#stream.on('data', (message) => this.received.push(message));
    this.#stream.on('error', (error: ServiceError) => {
      this.ended ??= { code: error.code, details: error.details };
    });
    this.#stream.on('end', () => {
      this.ended ??= { code: 0, details: '' };
    });
  }

  send(message: Message): void {
    this.#stream.write(message);
  }

  /** Orders so far: the spans it was told to host. */
  orders(): { planEpoch: number; span: { firstBlock: number; blockCount: number }; cacheBytes: number }[] {
    return this.received
      .filter((message) => message['hostSpan'] != null)
      .map((message) => message['hostSpan'] as never);
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }
}

/** A Hello that is right in every field for tiny-austen. */
export function validHello(serverId: string, overrides: Message = {}): { hello: Message } {
  return {
    hello: {
      serverId,
      modelId: 'tiny-austen',
      address: '127.0.0.1:9',
      protocol: 'grpc',
      memoryBytes: 20_000_000,
      dtype: 'float32',
      performance: {
        overheadSecondsPerBlock: 0.0001,
        prefillSecondsPerTokenPerBlock: 0.0001,
        decodeSecondsPerTokenPerBlock: 0.0005,
        rttSeconds: 0.001,
      },
      ...overrides,
    },
  };
}

/** A client of the service `Dispatcher`, untyped. */
export function dispatcherClient(address: string, channel = credentials.createInsecure()): DynamicClient {
  return new v1.Dispatcher(address, channel);
}
