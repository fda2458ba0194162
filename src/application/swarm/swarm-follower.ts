import type { DeclaredSpeeds, Registration } from '../../domain/membership/member.ts';
import { isSameSpan } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { MeasuredSpeed } from '../ports/block-host.ts';
import type { Clock } from '../ports/clock.ts';
import type { ListedServer, LiveServerState, SwarmDirectory } from '../ports/swarm-directory.ts';
import { MEASURED_SESSION_TOKENS } from '../server/measure-session-speed.ts';
import type { Swarm } from './swarm.ts';

export interface SwarmFollowerOptions {
  /** How often the directory and every server are asked, ms. */
  readonly intervalMs: number;
  /** How long a server whose answers are wrong is not looked at, ms. */
  readonly exclusionMs: number;
}

export interface SwarmFollowerDependencies {
  readonly directory: SwarmDirectory;
  readonly swarm: Pick<Swarm, 'join' | 'heartbeat' | 'spanReady' | 'streamEnded'>;
  readonly model: {
    readonly id: string;
    readonly dtype: string;
    readonly blockBytes: number;
    readonly cacheBytesPerTokenPerBlock: number;
    /** Of the longest session. */
    readonly sessionTokens: number;
  };
  readonly clock: Clock;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Answers in a row that a server may owe before it is lost. */
const MAX_MISSES = 2;

/** Servers asked at once. */
const QUESTIONS_AT_ONCE = 16;

/** Of a server that cannot be measured when it is met, and is the first one: seconds as on a small GPU. */
const UNKNOWN_SPEED: MeasuredSpeed = {
  overheadSecondsPerBlock: 0,
  decodeSecondsPerTokenPerBlock: 0.005,
  prefillSecondsPerTokenPerBlock: 0.0005,
};

/** A server that is a member through this follower. */
interface Followed {
  readonly server: ListedServer;
  readonly incarnation: number;
  readonly speed: MeasuredSpeed;
  /** Tokens times blocks that it is reckoned to have. */
  cacheTokens: number;
  misses: number;
}

/**
 * Makes the servers of a swarm that exists by itself members of this one, pinned to the blocks they
 * chose, and keeps up with them: servers that move, fill up, die, leave or come. The directory says
 * who there is; each server itself says every time whether it lives and holds its blocks.
 */
export class SwarmFollower {
  readonly #deps: SwarmFollowerDependencies;
  readonly #options: SwarmFollowerOptions;
  readonly #followed = new Map<string, Followed>();
  /** Servers whose answers were wrong, and until when they are not looked at. */
  readonly #excluded = new Map<string, number>();
  #listed: readonly ListedServer[] = [];
  #isDirectoryLost = false;
  #cancelTimer: () => void = () => {};
  #isStopped = false;

  constructor(deps: SwarmFollowerDependencies, options: SwarmFollowerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(): void {
    void this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  async #round(): Promise<void> {
    const { clock } = this.#deps;
    const startedMs = clock.nowMs();
    await this.#readDirectory();
    const now = this.#listed.filter((server) => server.state === 'online' && !this.#isExcluded(server));
    for (let at = 0; at < now.length && !this.#isStopped; at += QUESTIONS_AT_ONCE)
      await Promise.all(now.slice(at, at + QUESTIONS_AT_ONCE).map((server) => this.#lookAt(server)));
    if (this.#isStopped) return;
    const present = new Set(now.map((server) => server.serverId));
    for (const [serverId, followed] of this.#followed) if (!present.has(serverId)) this.#lose(followed, true);
    const delayMs = Math.max(0, startedMs + this.#options.intervalMs - clock.nowMs());
    this.#cancelTimer = clock.setTimer(delayMs, () => void this.#round());
  }

  /** While nobody answers, the servers known so far are asked themselves. */
  async #readDirectory(): Promise<void> {
    try {
      this.#listed = await this.#deps.directory.list();
      if (this.#isDirectoryLost) this.#deps.log('the directory of the swarm answers again', {});
      this.#isDirectoryLost = false;
    } catch (error) {
      const reason = reasonOf(error);
      if (!this.#isDirectoryLost) this.#deps.log('the directory of the swarm does not answer', { reason });
      this.#isDirectoryLost = true;
    }
  }

  async #lookAt(server: ListedServer): Promise<void> {
    const known = this.#followed.get(server.serverId);
    try {
      const state = await this.#deps.directory.ask(server);
      if (this.#isStopped) return;
      if (known !== undefined && isSamePlace(known.server, server)) {
        known.misses = 0;
        this.#beat(known, state);
        return;
      }
      const isSameWork = known !== undefined && isSameSpan(known.server.span, server.span);
      const speed = isSameWork ? known.speed : await this.#speedOf(server, state);
      if (!this.#isStopped) this.#join(server, state, speed);
    } catch (error) {
      this.#noteFailure(server, known, error);
    }
  }

  /** What is free now is the truth; the most that was ever free is what the server has. */
  #beat(followed: Followed, state: LiveServerState): void {
    const { swarm, model } = this.#deps;
    const hasGrown = state.cacheTokensFree > followed.cacheTokens;
    if (hasGrown) followed.cacheTokens = state.cacheTokensFree;
    swarm.heartbeat(followed.server.serverId, followed.incarnation, {
      cacheBytesFree: state.cacheTokensFree * model.cacheBytesPerTokenPerBlock,
      sessions: undefined,
      memoryBytes: hasGrown ? this.#memoryBytes(followed.server, followed.cacheTokens) : undefined,
      speeds: undefined,
    });
  }

  async #speedOf(server: ListedServer, { cacheTokensFree }: LiveServerState): Promise<MeasuredSpeed> {
    const { decodeSecondsPerTokenPerBlock: decode, prefillSecondsPerTokenPerBlock: prefill, span } = server;
    if (decode === undefined) {
      if (cacheTokensFree >= span.blockCount * MEASURED_SESSION_TOKENS)
        return this.#deps.directory.measureSpeed(server);
      // Others fill it, and measuring would wait for them. Its first requests will tell how fast it is.
      const [other] = this.#followed.values();
      return other?.speed ?? UNKNOWN_SPEED;
    }
    return {
      overheadSecondsPerBlock: 0,
      decodeSecondsPerTokenPerBlock: decode,
      prefillSecondsPerTokenPerBlock: prefill ?? decode,
    };
  }

  #join(server: ListedServer, state: LiveServerState, speed: MeasuredSpeed): void {
    const { swarm, model, log } = this.#deps;
    const { serverId, span } = server;
    const sessionCache = span.blockCount * model.sessionTokens;
    const { cacheTokensFree } = state;
    // With less it would have no part in any chain, and requests would fail that can wait until others are done.
    if (cacheTokensFree < sessionCache)
      log('a server of the swarm has less cache free than a session may need: it is taken to be in use by others', {
        serverId,
        cacheTokensFree,
        sessionCache,
      });
    const cacheTokens = Math.max(cacheTokensFree, sessionCache);
    const link = {
      // It hosts what it hosts. An order for just that follows every readmission, and is answered at once.
      hostSpan: (order: { readonly epoch: number; readonly span: typeof span }): void => {
        const followed = this.#followed.get(serverId);
        if (followed === undefined || !isSameSpan(order.span, followed.server.span)) return;
        queueMicrotask(() => swarm.spanReady(serverId, followed.incarnation, order.epoch, order.span));
      },
      drained: (): void => {},
      end: (): void => {
        const followed = this.#followed.get(serverId);
        if (followed?.server === server) this.#followed.delete(serverId);
      },
    };
    const incarnation = swarm.join(this.#registration(server, state, speed, cacheTokens), link);
    this.#followed.set(serverId, { server, incarnation, speed, cacheTokens, misses: 0 });
  }

  #memoryBytes({ span }: ListedServer, cacheTokens: number): number {
    const { blockBytes, cacheBytesPerTokenPerBlock } = this.#deps.model;
    return span.blockCount * blockBytes + cacheTokens * cacheBytesPerTokenPerBlock;
  }

  #registration(server: ListedServer, state: LiveServerState, speed: MeasuredSpeed, cacheTokens: number): Registration {
    const { model } = this.#deps;
    const { serverId, address, span } = server;
    const speeds: DeclaredSpeeds = {
      ...speed,
      rttSeconds: state.rttSeconds,
      bandwidthBytesPerSecond: undefined,
      concurrencySlope: 1,
    };
    return {
      serverId,
      modelId: model.id,
      address,
      protocol: 'petals',
      memoryBytes: this.#memoryBytes(server, cacheTokens),
      speeds,
      hosted: span,
      isPinned: true,
      labels: new Map([
        ['petals_version', server.version],
        ['quantization', server.quantization],
      ]),
      dtype: server.dtype || model.dtype,
      weightsDigest: '',
    };
  }

  #noteFailure(server: ListedServer, known: Followed | undefined, error: unknown): void {
    const { clock, log } = this.#deps;
    if (!(error instanceof DispatcherError)) throw error;
    if (error.code === 'DSP_BAD_OUTPUT') {
      this.#excluded.set(server.serverId, clock.nowMs() + this.#options.exclusionMs);
      log('a server of the swarm is left out for a while', { serverId: server.serverId, reason: error.message });
    }
    if (known === undefined) return;
    known.misses += 1;
    // Blocks that moved are gone at once; silence may be a moment's.
    if (known.misses >= MAX_MISSES || error.code === 'DSP_SPAN_NOT_HOSTED' || error.code === 'DSP_BAD_OUTPUT')
      this.#lose(known, false);
  }

  #lose(followed: Followed, hadLeft: boolean): void {
    this.#followed.delete(followed.server.serverId);
    this.#deps.swarm.streamEnded(followed.server.serverId, followed.incarnation, hadLeft);
  }

  #isExcluded(server: ListedServer): boolean {
    const untilMs = this.#excluded.get(server.serverId);
    if (untilMs === undefined) return false;
    if (this.#deps.clock.nowMs() < untilMs) return true;
    this.#excluded.delete(server.serverId);
    return false;
  }
}

function isSamePlace(a: ListedServer, b: ListedServer): boolean {
  return a.address === b.address && isSameSpan(a.span, b.span);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
