import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { grpcSwarmRegistry } from '../../src/adapters/registry-client/swarm-registry-client.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import type { RequestTracer } from '../../src/application/ports/request-tracer.ts';
import { SpanHosting } from '../../src/application/server/host-span.ts';
import { SwarmMembership } from '../../src/application/server/swarm-membership.ts';
import { type RunningDispatcher, startDispatcher } from '../../src/commands/serve/start-dispatcher.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { type LanguageModel, openLanguageModel } from '../../src/language-model/open-language-model.ts';
import { MemoryBlockHost, type MemoryBlockHostOptions } from './memory-block-host.ts';
import { RegisteringClient } from './registering-client.ts';
import { TINY_AUSTEN } from './tiny-austen.ts';

export interface HarnessServer {
  readonly host: MemoryBlockHost;
  /** Its data plane is gone, while its registration still looks healthy. */
  loseDataPlane(): Promise<void>;
  leave(): Promise<void>;
}

export interface HarnessServerOptions extends MemoryBlockHostOptions {
  /** Default: room for the whole model and many sessions. */
  readonly memoryBytes?: number;
  /** Factor on the declared times; slower servers are chosen later. Default 1. */
  readonly slowness?: number;
}

const NOTHING = { firstBlock: 0, blockCount: 0 };

/**
 * A real dispatcher on loopback ports, within this process, and servers that join it over gRPC and
 * compute sums instead of blocks. Everything between them is what the product runs.
 */
export class SwarmHarness {
  readonly dispatcher: RunningDispatcher;
  readonly model: LanguageModel;
  readonly #servers: HarnessServer[] = [];
  readonly #clients: RegisteringClient[] = [];

  private constructor(dispatcher: RunningDispatcher, model: LanguageModel) {
    this.dispatcher = dispatcher;
    this.model = model;
  }

  /** @param settings configuration keys, `section.key` -> value */
  static async start(
    settings: Readonly<Record<string, string | number | boolean>> = {},
    tracer?: RequestTracer,
  ): Promise<SwarmHarness> {
    const variables = Object.entries({
      'http.port': 0,
      'grpc.port': 0,
      'swarm.replan_debounce_seconds': 0.05,
      // Searches for better plans have tests of their own: in the others they would only take time.
      'planner.objective': 'lower',
      ...settings,
    });
    const env = Object.fromEntries(
      variables.map(([key, value]) => [`DAISYCHAIN_${key.toUpperCase().replace('.', '__')}`, String(value)]),
    );
    const model = await openLanguageModel(TINY_AUSTEN);
    const dispatcher = await startDispatcher(loadConfig({ env }), model, pino({ level: 'silent' }), tracer);
    return new SwarmHarness(dispatcher, model);
  }

  /** A server that joins, obeys orders, and answers steps. */
  async addServer(serverId: string, options: HarnessServerOptions = {}): Promise<HarnessServer> {
    const { memoryBytes = 40_000_000, slowness = 1 } = options;
    const host = new MemoryBlockHost({
      modelId: 'tiny-austen',
      blockCount: 6,
      hiddenSize: 192,
      hosted: NOTHING,
      ...options,
    });
    const service = await startBlockService({
      host,
      listen: { host: '127.0.0.1', port: 0 },
      logger: pino({ level: 'silent' }),
    });
    const nothing = (): void => undefined;
    const membership = new SwarmMembership(
      {
        dispatcherAddress: this.dispatcher.grpcAddress,
        serverId,
        modelId: 'tiny-austen',
        address: service.address,
        memoryBytes,
        speed: {
          overheadSecondsPerBlock: 0.0001 * slowness,
          prefillSecondsPerTokenPerBlock: 0.0001 * slowness,
          decodeSecondsPerTokenPerBlock: 0.0005 * slowness,
          rttSeconds: 0.001,
        },
        labels: {},
        joinToken: '',
        dtype: 'float32',
        weightsDigest: '',
      },
      {
        // A busy machine's delays are no round trip: plans must not depend on them.
        registry: { ...grpcSwarmRegistry, measureRoundTripSeconds: async () => 0.001 },
        host,
        hosting: new SpanHosting(host, memoryBytes),
        clock: systemClock,
        rng: createRng(1, serverId),
        listener: {
          joined: nothing,
          lost: nothing,
          refused: nothing,
          spanOrdered: nothing,
          spanReady: nothing,
          spanFailed: nothing,
        },
      },
    );
    membership.start();
    const server: HarnessServer = {
      host,
      loseDataPlane: () => service.close(),
      leave: async () => {
        await membership.leave('the test is over');
        await service.close();
      },
    };
    this.#servers.push(server);
    return server;
  }

  /** A client that speaks the registration by hand. */
  registeringClient(): RegisteringClient {
    const client = new RegisteringClient(this.dispatcher.grpcAddress);
    this.#clients.push(client);
    return client;
  }

  get(path: string): Promise<Response> {
    return fetch(this.dispatcher.httpUrl + path);
  }

  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    return fetch(this.dispatcher.httpUrl + path, {
      method: 'POST',
      body: JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json' },
    });
  }

  /** A sample of `/metrics` by the beginning of its line, as the sum over all that match. */
  async metric(prefix: string): Promise<number> {
    const text = await (await this.get('/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith(prefix));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async servers(): Promise<
    Record<
      string,
      { state: string; reason: string | null; planned: { first_block: number; block_count: number } | null }
    >
  > {
    const body = (await (await this.get('/admin/v1/servers')).json()) as { servers: { server_id: string }[] };
    return Object.fromEntries(body.servers.map((server) => [server.server_id, server])) as never;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.#servers.map((server) => server.leave()));
    await this.dispatcher.stop();
    await this.model.close();
  }
}
