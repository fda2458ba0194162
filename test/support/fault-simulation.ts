import { createLoopbackTransport } from '../../src/adapters/chain-transport/loopback/transport.ts';
import type { BlockHost } from '../../src/application/ports/block-host.ts';
import type { GenerationRequest } from '../../src/application/ports/inference.ts';
import { NO_TRACER } from '../../src/application/ports/request-tracer.ts';
import { GenerateText } from '../../src/application/requests/generate-text.ts';
import { HistoryBudget } from '../../src/application/requests/history-budget.ts';
import { JobDescriptions } from '../../src/application/requests/job-descriptions.ts';
import { PrefillPieces } from '../../src/application/requests/prefill-pieces.ts';
import { RecentRequests } from '../../src/application/requests/recent-requests.ts';
import { StepLoads } from '../../src/application/requests/step-loads.ts';
import { runTokenLoop } from '../../src/application/requests/token-loop.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';
import { createRng, type Rng } from '../../src/domain/shared/rng.ts';
import { ChecksumModel } from './checksum-model.ts';
import { FakeSwarm } from './fake-swarm.ts';
import { MemoryBlockHost } from './memory-block-host.ts';
import { SimulatedServer } from './simulated-server.ts';

const BLOCKS = 6;
const BLOCK_BYTES = 100;
const CACHE_BYTES = 1;
const SESSION_TOKENS = 48;
const CHUNK = 4;

/** How requests may end that do not end with their whole text. */
const NAMED_ENDS = new Set([
  'DSP_CHAIN_FAILED',
  'DSP_CANCELLED',
  'DSP_NO_CAPACITY',
  'DSP_QUEUE_FULL',
  'DSP_DEADLINE_EXCEEDED',
]);

export interface ScheduleReport {
  /** What must never happen, and did. */
  readonly violations: readonly string[];
  readonly completed: number;
  readonly failed: number;
  /** Recoveries after which a request went on. */
  readonly continued: number;
  readonly cacheRefusals: number;
}

interface Outcome {
  readonly text: string;
  readonly code: string | undefined;
  readonly isWhole: boolean;
}

/** One random schedule of faults and requests, in simulated time, from its seed alone. */
export class FaultSimulation {
  readonly #rng: Rng;
  readonly #swarm: FakeSwarm;
  readonly #model = new ChecksumModel(BLOCKS, BLOCK_BYTES, CACHE_BYTES);
  readonly #hosts = new Map<string, BlockHost>();
  readonly #servers: SimulatedServer[] = [];
  readonly #memory: HistoryBudget;
  readonly #generate: GenerateText;
  #ids = 0;

  constructor(seed: number) {
    this.#rng = createRng(seed, 'faults');
    this.#swarm = new FakeSwarm({
      model: {
        id: 'm',
        blockCount: BLOCKS,
        blockBytes: BLOCK_BYTES,
        cacheBytesPerBlock: CACHE_BYTES * SESSION_TOKENS,
      },
      leaseMs: 1_000,
      exclusionMs: 3_000,
      loadTimeoutMs: 5_000,
      settleMs: 500,
      scheduling: this.#rng.next() < 0.5 ? { cache: 'tokens', cacheBytesPerToken: CACHE_BYTES } : { cache: 'slots' },
    });
    const { clock, dispatcher, swarm, telemetry } = this.#swarm;
    this.#memory = new HistoryBudget(this.#pick([0, 4_000, 1_000_000]));
    const jobs = new JobDescriptions(clock, {
      sessionTokens: SESSION_TOKENS,
      granularityTokens: 1,
      typicalWorkload: { inputTokens: 12, outputTokens: 12 },
      overheadSeconds: 0.001,
      maxWaitMs: 20_000,
    });
    this.#generate = new GenerateText(
      {
        model: this.#model,
        dispatcher,
        jobs,
        chains: swarm,
        transport: createLoopbackTransport(this.#hosts, clock),
        pieces: new PrefillPieces(this.#swarm.membership, { least: 1, most: CHUNK }),
        load: new StepLoads(this.#swarm.membership, clock, 0.001),
        telemetry,
        clock,
        newId: () => this.#newId('id'),
        log: () => undefined,
        journal: new RecentRequests(clock, 10),
        tracer: NO_TRACER,
      },
      {
        sessionTokens: SESSION_TOKENS,
        replayTokens: CHUNK,
        stepTimeoutMs: 400,
        recovery: {
          maxAttempts: 3,
          maxWaitMs: 8_000,
          memory: this.#memory,
          progress: { windowSteps: 3, factor: 10, leastSeconds: 0.1 },
          typicalOutputTokens: 12,
        },
        createdUnixSeconds: 0,
      },
    );
  }

  async run(): Promise<ScheduleReport> {
    const servers = 3 + Math.floor(this.#rng.next() * 4);
    for (let i = 0; i < servers; i += 1) this.#addServer();
    await this.#passUntil(1_500);
    const requests = 3 + Math.floor(this.#rng.next() * 6);
    const running = Array.from({ length: requests }, () => this.#request());
    for (let fault = 1 + Math.floor(this.#rng.next() * 4); fault > 0; fault -= 1) this.#scheduleFault();
    // Most schedules end with a healthy server, so that what waits can go on.
    if (this.#rng.next() < 0.8) this.#in(2_500, () => this.#addServer(BLOCKS * (BLOCK_BYTES + 3 * 48)));
    const outcomes = await this.#settled(Promise.all(running));
    const violations = await this.#violations(outcomes);
    this.#swarm.stop();
    return {
      violations,
      completed: outcomes?.filter(({ outcome }) => outcome.isWhole).length ?? 0,
      failed: outcomes?.filter(({ outcome }) => outcome.code === 'DSP_CHAIN_FAILED').length ?? 0,
      continued: this.#swarm.telemetry.failovers.filter((outcome) => outcome === 'continued').length,
      cacheRefusals: this.#servers.reduce((sum, server) => sum + server.cacheRefusals, 0),
    };
  }

  async #request() {
    const { clock } = this.#swarm;
    const promptTokens = Array.from(
      { length: 1 + Math.floor(this.#rng.next() * 24) },
      () => 1 + Math.floor(this.#rng.next() * 96),
    );
    const request: GenerationRequest = {
      requestId: this.#newId('request'),
      modelId: 'm',
      prompt: { kind: 'tokens', tokens: promptTokens },
      maxTokens: 1 + Math.floor(this.#rng.next() * 20),
      sampling: {
        temperature: this.#rng.next() < 0.5 ? 0 : 1,
        topP: 1,
        seed: Math.floor(this.#rng.next() * 1_000),
      },
      stop: [],
      priority: 'normal',
      tenant: '',
      deadlineMs: undefined,
    };
    const expected = await this.#reference(request, promptTokens);
    const client = new AbortController();
    if (this.#rng.next() < 0.1) this.#in(this.#rng.next() * 1_500, () => client.abort());
    const isSlowReader = this.#rng.next() < 0.2;
    await this.#sleep(this.#rng.next() * 1_200);
    let text = '';
    let isWhole = false;
    let code: string | undefined;
    try {
      const generation = await this.#generate.generate(request, client.signal);
      for await (const event of generation.events) {
        if (event.kind !== 'prompt') text += event.text;
        if (event.kind === 'end') isWhole = true;
        else if (isSlowReader) await this.#sleep(20);
      }
    } catch (error) {
      code = error instanceof DispatcherError ? error.code : String(error);
    }
    return { outcome: { text, code, isWhole } satisfies Outcome, expected, endedMs: clock.nowMs() };
  }

  /** The text without any swarm. */
  async #reference(request: GenerationRequest, promptTokens: readonly number[]): Promise<string> {
    const host = new MemoryBlockHost({ blockCount: BLOCKS, hiddenSize: 4, remembers: true });
    const session = host.openSession({ firstBlock: 0, blockCount: BLOCKS }, 1_000);
    const events = runTokenLoop(
      this.#model,
      {
        feed: async (tokens, wanted) => (await session.step(this.#model.embed(tokens), tokens.length, wanted)).hidden,
      },
      {
        promptTokens,
        maxTokens: request.maxTokens,
        sampling: request.sampling,
        stop: [],
        nextPiece: () => 1_000,
        stepsUnderWay: 1,
      },
    );
    let text = '';
    for await (const event of events) if (event.kind !== 'prompt') text += event.text;
    return text;
  }

  #scheduleFault(): void {
    const victim = (): SimulatedServer => this.#pick(this.#servers);
    const kind = this.#pick(['kill', 'kill', 'restart', 'stop', 'cut', 'leave', 'lie', 'slow', 'join'] as const);
    this.#in(this.#rng.next() * 1_500, () => {
      const server = victim();
      if (kind === 'kill') server.kill();
      else if (kind === 'restart') {
        server.kill();
        this.#in(100 + this.#rng.next() * 500, () => this.#addServer(undefined, server.serverId));
      } else if (kind === 'stop') {
        server.stop();
        this.#in(this.#rng.next() * 2_500, () => server.resume());
      } else if (kind === 'cut') server.cut();
      else if (kind === 'leave') server.leave();
      else if (kind === 'lie') server.isLying = true;
      else if (kind === 'slow') server.slowness *= 30;
      else this.#addServer();
    });
  }

  #addServer(memoryBytes?: number, serverId = this.#newId('s')): void {
    const blocks = 2 + Math.floor(this.#rng.next() * 5);
    const server = new SimulatedServer(this.#swarm, {
      serverId,
      address: this.#newId('memory'),
      memoryBytes:
        memoryBytes ?? blocks * (BLOCK_BYTES + CACHE_BYTES * SESSION_TOKENS * (1 + Math.floor(this.#rng.next() * 3))),
      cacheBytesPerTokenPerBlock: CACHE_BYTES,
      slowness: 1 + this.#rng.next() * 2,
    });
    this.#hosts.set(`${this.#lastId}`, server);
    this.#servers.push(server);
    server.join();
  }

  async #violations(
    outcomes: readonly { readonly outcome: Outcome; readonly expected: string }[] | undefined,
  ): Promise<string[]> {
    if (outcomes === undefined) return ['some request never ended'];
    const violations: string[] = [];
    for (const { outcome, expected } of outcomes) {
      const { text, code, isWhole } = outcome;
      if (isWhole && text !== expected) violations.push(`a text differs: ${text} in place of ${expected}`);
      if (!expected.startsWith(text)) violations.push(`a text went astray: ${text} is no beginning of ${expected}`);
      if (!isWhole && (code === undefined || !NAMED_ENDS.has(code))) violations.push(`a request ended with ${code}`);
    }
    // Whatever was stopped goes on, so that what it owes is settled.
    for (const server of this.#servers) server.resume();
    await this.#passUntil(this.#swarm.clock.nowMs() + 5_000);
    const { scheduler } = this.#swarm;
    if (scheduler.runningCount + scheduler.queueLength > 0) violations.push('a job is left in the scheduler');
    const { arrived, completed, cancelled, failed, rejected, expired } = scheduler.counts;
    if (arrived !== completed + cancelled + failed + rejected + expired) violations.push('a job was lost count of');
    if (this.#memory.usedBytes !== 0) violations.push(`${this.#memory.usedBytes} B of history are left`);
    for (const server of this.#servers) {
      if (server.usage().sessions > 0) violations.push(`${server.serverId} still has a session`);
      if (server.problem !== undefined) violations.push(server.problem);
      if (server.isAlive && !scheduler.isServerIdle(server.serverId))
        violations.push(`${server.serverId} counts as busy`);
    }
    return violations;
  }

  /** Lets simulated time pass until the promise settles. Undefined: it did not within minutes. */
  async #settled<T>(promise: Promise<T>): Promise<T | undefined> {
    let value: { readonly result: T } | undefined;
    void promise.then((result) => {
      value = { result };
    });
    while (value === undefined && this.#swarm.clock.nowMs() < 300_000) await this.#passOne();
    return (value as { readonly result: T } | undefined)?.result;
  }

  async #passUntil(ms: number): Promise<void> {
    while ((this.#swarm.clock.nextTimerMs ?? Number.POSITIVE_INFINITY) <= ms) await this.#passOne();
    this.#swarm.clock.advance(Math.max(0, ms - this.#swarm.clock.nowMs()));
  }

  /** The next timer, and everything that follows from it at once. */
  async #passOne(): Promise<void> {
    const { clock } = this.#swarm;
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(Math.max(0, (clock.nextTimerMs ?? clock.nowMs() + 1_000) - clock.nowMs()));
    await new Promise((resolve) => setImmediate(resolve));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#in(ms, resolve));
  }

  #in(ms: number, action: () => void): void {
    this.#swarm.clock.setTimer(ms, action);
  }

  #newId(prefix: string): string {
    this.#ids += 1;
    return `${prefix}${this.#ids}`;
  }

  get #lastId(): string {
    return `memory${this.#ids}`;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#rng.next() * items.length)] as Item;
  }
}
