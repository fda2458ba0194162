import { createServer, type Server, Socket } from 'node:net';

export interface TcpProxyOptions {
  readonly targetPort: number;
  /** Delay of every byte in each direction: half the added round trip. */
  readonly delayMs?: number;
}

/** A TCP proxy on loopback that makes a connection long, pauses it, throttles it or cuts it. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #options: TcpProxyOptions;
  #isPaused = false;
  /** Bytes per second and direction towards the client; undefined for no limit. */
  #bytesPerSecondToClient: number | undefined;
  accepted = 0;

  private constructor(options: TcpProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Resets every connection. */
  cut(): void {
    for (const [client, target] of this.#pairs) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  }

  /** Holds every byte back, in both directions, until `resume`; the connections stay. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  throttle(bytesPerSecondToClient: number): void {
    this.#bytesPerSecondToClient = bytesPerSecondToClient;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const target = new Socket({ allowHalfOpen: true });
    target.setNoDelay(true);
    target.connect(this.#options.targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    this.#pairs.add(pair);
    const drop = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of pair) {
      socket.on('error', drop);
      socket.on('close', drop);
    }
    this.#forward(client, target, () => undefined);
    this.#forward(target, client, () => this.#bytesPerSecondToClient);
  }

  #forward(from: Socket, to: Socket, bytesPerSecond: () => number | undefined): void {
    const queue: { readonly chunk: Buffer | undefined; readonly dueMs: number }[] = [];
    let isPumping = false;
    const pump = async (): Promise<void> => {
      if (isPumping) return;
      isPumping = true;
      for (let entry = queue[0]; entry !== undefined; entry = queue[0]) {
        while (this.#isPaused && !from.destroyed) await new Promise((resolve) => setTimeout(resolve, 5));
        const waitMs = entry.dueMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        queue.shift();
        if (to.destroyed) return;
        if (entry.chunk === undefined) {
          to.end();
          return;
        }
        const rate = bytesPerSecond();
        if (rate === undefined) to.write(entry.chunk);
        else await trickle(to, entry.chunk, rate);
      }
      isPumping = false;
    };
    from.on('data', (chunk: Buffer) => {
      queue.push({ chunk, dueMs: performance.now() + (this.#options.delayMs ?? 0) });
      void pump();
    });
    from.on('end', () => {
      queue.push({ chunk: undefined, dueMs: performance.now() + (this.#options.delayMs ?? 0) });
      void pump();
    });
  }
}

async function trickle(to: Socket, chunk: Buffer, bytesPerSecond: number): Promise<void> {
  const sliceMs = 10;
  const sliceBytes = Math.max(1, Math.round((bytesPerSecond * sliceMs) / 1000));
  for (let offset = 0; offset < chunk.length && !to.destroyed; offset += sliceBytes) {
    to.write(chunk.subarray(offset, offset + sliceBytes));
    await new Promise((resolve) => setTimeout(resolve, sliceMs));
  }
}
