import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import type { DispatcherMessage } from '../../src/adapters/wire/generated/daisychain/v1/DispatcherMessage.ts';
import type { Hello__Output } from '../../src/adapters/wire/generated/daisychain/v1/Hello.ts';
import type { ServerMessage__Output } from '../../src/adapters/wire/generated/daisychain/v1/ServerMessage.ts';
import { serviceDefinition } from '../../src/adapters/wire/load-protos.ts';

type JoinStream = ServerDuplexStream<ServerMessage__Output, DispatcherMessage>;

export interface FakeRegistryOptions {
  /** 0 takes a free port. */
  readonly port?: number;
  readonly heartbeatIntervalSeconds?: number;
  /** Ends every join with this status in place of a welcome. */
  readonly refuse?: { readonly code: number; readonly details: string };
}

/** The dispatcher's side of `SwarmRegistry.Join`, driven by a test: it welcomes, records, and sends what it is told. */
export class FakeRegistry {
  readonly messages: ServerMessage__Output[] = [];
  readonly #server = new Server();
  readonly #options: FakeRegistryOptions;
  #stream: JoinStream | undefined;
  #port = 0;

  private constructor(options: FakeRegistryOptions) {
    this.#options = options;
    this.#server.addService(serviceDefinition('SwarmRegistry'), { Join: (stream: JoinStream) => this.#join(stream) });
  }

  static async start(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const registry = new FakeRegistry(options);
    registry.#port = await new Promise<number>((resolve, reject) => {
      registry.#server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return registry;
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get hellos(): readonly Hello__Output[] {
    return this.messages.flatMap((message) => message.hello ?? []);
  }

  /** Sends on the latest stream. */
  send(message: DispatcherMessage): void {
    this.#stream?.write(message);
  }

  /** Ends the latest stream as a dispatcher does that has nothing against the server. */
  endStream(): void {
    this.#stream?.end();
  }

  /** Ends everything at once, as a crash does. */
  async close(): Promise<void> {
    this.#server.forceShutdown();
  }

  #join(stream: JoinStream): void {
    this.#stream = stream;
    stream.on('error', () => {});
    stream.on('data', (message: ServerMessage__Output) => {
      this.messages.push(message);
      if (!message.hello) return;
      if (this.#options.refuse !== undefined) {
        stream.emit('error', this.#options.refuse);
        return;
      }
      stream.write({
        welcome: {
          heartbeatIntervalSeconds: this.#options.heartbeatIntervalSeconds ?? 0.1,
          leaseSeconds: 3,
          dispatcherId: 'fake',
        },
      });
    });
    stream.on('end', () => stream.end());
  }
}
