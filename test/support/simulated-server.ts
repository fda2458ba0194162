import type { BlockHost, BlockSession, MeasuredSpeed } from '../../src/application/ports/block-host.ts';
import type { MemberLink } from '../../src/application/ports/member-link.ts';
import { containsSpan, type Span } from '../../src/domain/model/span.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';
import type { FakeSwarm } from './fake-swarm.ts';
import { MemoryBlockHost } from './memory-block-host.ts';

export interface SimulatedServerOptions {
  readonly serverId: string;
  readonly address: string;
  readonly memoryBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  /** Factor on all times. */
  readonly slowness: number;
}

const HEARTBEAT_MS = 300;
const STEP_MS = 4;
const LOAD_MS_PER_BLOCK = 30;

/** A block server in simulated time that can be killed, stopped, cut off, slowed and made to lie. */
export class SimulatedServer implements BlockHost, MemberLink {
  readonly modelId: string;
  readonly blockCount: number;
  readonly hiddenSize = 4;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest = '';
  /** What it was ordered beyond its memory, if ever: a violation. */
  problem: string | undefined;
  cacheRefusals = 0;
  isLying = false;
  slowness: number;
  readonly #swarm: FakeSwarm;
  readonly #options: SimulatedServerOptions;
  readonly #compute: MemoryBlockHost;
  readonly #breakers = new Set<() => void>();
  readonly #resumers = new Set<() => void>();
  #incarnation = 0;
  #hosted: Span | undefined;
  #cacheBytes = 0;
  #usedBytes = 0;
  #sessions = 0;
  #isDead = false;
  #isStopped = false;
  #isMember = false;
  #orders = 0;

  constructor(swarm: FakeSwarm, options: SimulatedServerOptions) {
    this.#swarm = swarm;
    this.#options = options;
    this.slowness = options.slowness;
    this.modelId = swarm.model.id;
    this.blockCount = swarm.model.blockCount;
    this.blockBytes = swarm.model.blockBytes;
    this.cacheBytesPerTokenPerBlock = options.cacheBytesPerTokenPerBlock;
    this.#compute = new MemoryBlockHost({
      modelId: this.modelId,
      blockCount: this.blockCount,
      hiddenSize: 4,
      cacheTokens: 1_000_000,
      remembers: true,
    });
  }

  get serverId(): string {
    return this.#options.serverId;
  }

  get isAlive(): boolean {
    return !this.#isDead;
  }

  join(): void {
    const { serverId, address, memoryBytes, slowness } = this.#options;
    this.#isMember = true;
    this.#incarnation = this.#swarm.swarm.join(
      {
        serverId,
        modelId: this.modelId,
        address,
        protocol: 'grpc',
        memoryBytes,
        speeds: {
          overheadSecondsPerBlock: 0.0001 * slowness,
          prefillSecondsPerTokenPerBlock: 0.0001 * slowness,
          decodeSecondsPerTokenPerBlock: 0.001 * slowness,
          rttSeconds: 0.002,
          bandwidthBytesPerSecond: undefined,
          concurrencySlope: 1,
        },
        hosted: this.#hosted,
        isPinned: false,
        labels: new Map(),
        dtype: 'float32',
        weightsDigest: '',
      },
      this,
    );
    this.#beat(this.#incarnation);
  }

  /** SIGKILL: its streams break at once, the registration a moment later. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.cut();
    const incarnation = this.#incarnation;
    this.#swarm.clock.setTimer(1, () => this.#swarm.swarm.streamEnded(this.serverId, incarnation, false));
  }

  /** SIGSTOP. */
  stop(): void {
    this.#isStopped = true;
  }

  /** SIGCONT: what was under way goes on; a server that was given up meanwhile joins again. */
  resume(): void {
    if (!this.#isStopped || this.#isDead) return;
    this.#isStopped = false;
    for (const resume of [...this.#resumers]) resume();
    if (this.#isMember) this.#beat(this.#incarnation);
    else this.join();
  }

  /** Every connection of the data plane is reset. */
  cut(): void {
    for (const fail of [...this.#breakers]) fail();
  }

  /** It says that it goes. */
  leave(): void {
    if (!this.#isDead) this.#swarm.swarm.leaving(this.serverId, this.#incarnation);
  }

  drained(): void {
    this.#isDead = true;
    this.cut();
    const incarnation = this.#incarnation;
    this.#swarm.clock.setTimer(1, () => this.#swarm.swarm.streamEnded(this.serverId, incarnation, true));
  }

  end(): void {
    this.#isMember = false;
    if (!this.#isDead && !this.#isStopped) this.#swarm.clock.setTimer(50, () => this.#isMember || this.join());
  }

  hostSpan({ epoch, span, cacheBytes }: { epoch: number; span: Span; cacheBytes: number }): void {
    if (span.blockCount * this.blockBytes + cacheBytes > this.#options.memoryBytes)
      this.problem = `${this.serverId} was ordered ${span.blockCount} blocks and ${cacheBytes} B of cache`;
    this.#orders += 1;
    const order = this.#orders;
    const incarnation = this.#incarnation;
    const isKept = this.#hosted !== undefined && containsSpan(this.#hosted, span) && span.blockCount > 0;
    this.#hosted = isKept ? span : undefined;
    this.#swarm.clock.setTimer(isKept ? 1 : span.blockCount * LOAD_MS_PER_BLOCK, () => {
      if (order !== this.#orders || this.#isDead) return;
      this.#hosted = span.blockCount === 0 ? undefined : span;
      this.#cacheBytes = cacheBytes;
      this.#swarm.swarm.spanReady(this.serverId, incarnation, epoch, span);
    });
  }

  hosted(): Span | undefined {
    return this.#hosted;
  }

  usage(): { cacheBytesFree: number; sessions: number } {
    return { cacheBytesFree: this.#cacheBytes - this.#usedBytes, sessions: this.#sessions };
  }

  openSession(blocks: Span, maxTokens: number): BlockSession {
    if (this.#isDead) throw lost();
    if (this.#hosted === undefined || !containsSpan(this.#hosted, blocks))
      throw new DispatcherError('DSP_SPAN_NOT_HOSTED', 'these blocks are not hosted');
    const bytes = maxTokens * blocks.blockCount * this.cacheBytesPerTokenPerBlock;
    if (this.#usedBytes + bytes > this.#cacheBytes) {
      this.cacheRefusals += 1;
      throw new DispatcherError('DSP_CACHE_FULL', 'the cache is full');
    }
    this.#usedBytes += bytes;
    this.#sessions += 1;
    const session = this.#compute.openSession(blocks, maxTokens);
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    let isOver = false;
    const close = (): void => {
      if (isOver) return;
      isOver = true;
      this.#breakers.delete(breakOff);
      this.#usedBytes -= bytes;
      this.#sessions -= 1;
      session.close();
    };
    const breakOff = (): void => {
      broken.reject(lost());
      close();
    };
    this.#breakers.add(breakOff);
    let tail: Promise<unknown> = Promise.resolve();
    return {
      step: (hidden, tokens, returnTokens) => {
        const work = async () => {
          await this.#work(tokens);
          const result = await session.step(hidden, tokens, returnTokens);
          return this.isLying ? { ...result, hidden: result.hidden.fill(Number.NaN) } : result;
        };
        const answer = Promise.race([broken.promise, tail.then(work)]);
        tail = answer.catch(() => undefined);
        return answer;
      },
      close,
    };
  }

  async host(): Promise<void> {}

  async measureSpeed(): Promise<MeasuredSpeed> {
    return { overheadSecondsPerBlock: 0, prefillSecondsPerTokenPerBlock: 0, decodeSecondsPerTokenPerBlock: 0 };
  }

  async close(): Promise<void> {}

  async #work(tokens: number): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#swarm.clock.setTimer((STEP_MS + tokens) * this.slowness, () => resolve(undefined)),
    );
    while (this.#isStopped)
      await new Promise<void>((resolve) => {
        const resume = (): void => {
          this.#resumers.delete(resume);
          resolve();
        };
        this.#resumers.add(resume);
      });
  }

  #beat(incarnation: number): void {
    if (this.#isDead || this.#isStopped || incarnation !== this.#incarnation) return;
    const report = { cacheBytesFree: this.usage().cacheBytesFree, sessions: this.#sessions, speeds: undefined };
    this.#swarm.swarm.heartbeat(this.serverId, incarnation, report);
    this.#swarm.clock.setTimer(HEARTBEAT_MS, () => this.#beat(incarnation));
  }
}

function lost(): DispatcherError {
  return new DispatcherError('DSP_CANCELLED', 'the connection is reset');
}
