import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  ChainSession,
  ChainTransport,
  OpenChainRequest,
} from '../../../../src/application/ports/chain-transport.ts';
import { MAX_STEPS_UNDER_WAY } from '../../../../src/application/ports/chain-transport.ts';
import type { GenerationEvent, GenerationRequest } from '../../../../src/application/ports/inference.ts';
import { NO_TRACER } from '../../../../src/application/ports/request-tracer.ts';
import type { ChainAccess } from '../../../../src/application/requests/chain-access.ts';
import { GenerateText } from '../../../../src/application/requests/generate-text.ts';
import { HistoryBudget } from '../../../../src/application/requests/history-budget.ts';
import { JobDescriptions } from '../../../../src/application/requests/job-descriptions.ts';
import { JobDispatcher } from '../../../../src/application/requests/job-dispatcher.ts';
import { PrefillPieces } from '../../../../src/application/requests/prefill-pieces.ts';
import { RecentRequests } from '../../../../src/application/requests/recent-requests.ts';
import { type Chain, chainId } from '../../../../src/domain/model/chain.ts';
import { ArrivalRate } from '../../../../src/domain/planning/arrival-rate.ts';
import { Scheduler } from '../../../../src/domain/scheduling/scheduler.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';
import { type LanguageModel, openLanguageModel } from '../../../../src/language-model/open-language-model.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RecordingTelemetry } from '../../../support/recording-telemetry.ts';
import { TINY_AUSTEN } from '../../../support/tiny-austen.ts';

const HOPS = [{ serverId: 's', firstBlock: 0, blockCount: 6 }];
const CHAIN = { id: chainId(HOPS), hops: HOPS, slots: 3, serviceSeconds: 1 };

/** A transport whose sessions return what they are given, and can be told to fail. */
class EchoTransport implements ChainTransport {
  openSessions = 0;
  underWay = 0;
  mostUnderWay = 0;
  chunks: number[] = [];
  failAfter = Number.POSITIVE_INFINITY;
  refuse: DispatcherError | undefined;

  async open({ recovery }: OpenChainRequest): Promise<ChainSession> {
    await Promise.resolve();
    if (this.refuse !== undefined) throw this.refuse;
    this.openSessions += 1;
    let steps = 0;
    let isClosed = false;
    let error: DispatcherError | undefined;
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => undefined);
    return {
      forward: async (hidden, tokens, returnTokens) => {
        this.chunks.push(tokens);
        steps += 1;
        this.underWay += 1;
        this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
        await Promise.resolve();
        this.underWay -= 1;
        if (isClosed) throw new DispatcherError('DSP_CANCELLED', 'closed');
        if (steps > this.failAfter) {
          error ??= new DispatcherError('DSP_SERVER_LOST', 's is gone', { serverId: 's' });
          recovery?.suspended();
          return closed.promise;
        }
        return hidden.slice(hidden.length - (returnTokens * hidden.length) / tokens);
      },
      failures: () => (error === undefined || isClosed ? [] : [{ index: 0, serverId: 's', error }]),
      replayableFrom: () => 0,
      abandon: () => undefined,
      detach: () => undefined,
      replaceHops: async () => undefined,
      hopTimings: () => [{ serverId: 's', steps, roundTripSeconds: steps, computeSeconds: 0 }],
      close: () => {
        if (!isClosed) this.openSessions -= 1;
        isClosed = true;
        closed.reject(new DispatcherError('DSP_CANCELLED', 'closed'));
      },
    };
  }

  async close(): Promise<void> {}
}

describe('generating text', () => {
  let model: LanguageModel;

  beforeAll(async () => {
    model = await openLanguageModel(TINY_AUSTEN);
  });
  afterAll(() => model.close());

  function setUp(chain: Chain = CHAIN) {
    const clock = new FakeClock();
    const scheduler = new Scheduler({ queueLimit: 4 });
    const dispatcher = new JobDispatcher(scheduler, clock, new ArrivalRate(60_000));
    dispatcher.adoptPlan({ epoch: 1, chains: [chain], serverSlots: new Map([['s', 18]]) });
    const failures: string[] = [];
    const chains: ChainAccess = {
      chains: [chain],
      resolveHops: () => [{ serverId: 's', address: '127.0.0.1:1', firstBlock: 0, blockCount: 6 }],
      findHops: () => undefined,
      reportFailure: (error) => failures.push(error.code),
      reportRequest: () => undefined,
      reportService: () => undefined,
      unreadyReasons: () => [],
      warnings: () => [],
    };
    const transport = new EchoTransport();
    const telemetry = new RecordingTelemetry();
    let ids = 0;
    const generate = new GenerateText(
      {
        model,
        dispatcher,
        jobs: new JobDescriptions(clock, {
          sessionTokens: 512,
          granularityTokens: 1,
          typicalWorkload: { inputTokens: 10, outputTokens: 5 },
          overheadSeconds: 0,
          maxWaitMs: 60_000,
        }),
        chains,
        transport,
        pieces: new PrefillPieces({ get: () => undefined }, { least: 4, most: 4 }),
        load: { sent: () => ({ aheadSeconds: 0, ended: () => undefined }) },
        telemetry,
        clock,
        newId: () => `id${ids++}`,
        log: () => undefined,
        journal: new RecentRequests(clock, 10),
        tracer: NO_TRACER,
      },
      {
        sessionTokens: 512,
        replayTokens: 4,
        stepTimeoutMs: 1_000,
        recovery: {
          maxAttempts: 0,
          maxWaitMs: 0,
          memory: new HistoryBudget(0),
          progress: { windowSteps: 3, factor: 10, leastSeconds: 0.1 },
          typicalOutputTokens: 12,
        },
        createdUnixSeconds: 0,
      },
    );
    return { scheduler, transport, telemetry, generate, failures };
  }

  const request = (overrides: Partial<GenerationRequest> = {}): GenerationRequest => ({
    requestId: 'r',
    modelId: 'default',
    prompt: { kind: 'tokens', tokens: [41, 84, 364, 259, 257, 82, 322, 72, 471, 73] },
    maxTokens: 5,
    sampling: { temperature: 1, topP: 1, seed: 1 },
    stop: [],
    priority: 'normal',
    tenant: '',
    deadlineMs: undefined,
    ...overrides,
  });
  const never = new AbortController().signal;

  async function collect(events: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
    const all: GenerationEvent[] = [];
    for await (const event of events) all.push(event);
    return all;
  }

  it('feeds the prompt in chunks, then one token at a time, and holds the slot until the consumer has seen the end', async () => {
    const { generate, transport, scheduler, telemetry } = setUp();
    const generation = await generate.generate(request(), never);
    const events: GenerationEvent[] = [];
    for (;;) {
      const { value, done } = await generation.events.next();
      if (done === true) break;
      events.push(value);
      expect(scheduler.runningCount).toBe(1);
    }
    expect(scheduler.runningCount).toBe(0);
    expect(transport.openSessions).toBe(0);
    expect(transport.chunks).toEqual([4, 4, 2, 1, 1, 1, 1]);
    expect(events.map((event) => event.kind)).toEqual(['token', 'token', 'token', 'token', 'token', 'end']);
    expect(events.at(-1)).toMatchObject({ finishReason: 'length', completionTokens: 5 });
    expect(telemetry.finished).toEqual([
      expect.objectContaining({ outcome: 'completed', promptTokens: 10, completionTokens: 5 }),
    ]);
  });

  it('never has more of a prompt under way than a session takes, however many hops a chain has', async () => {
    const hops = Array.from({ length: 12 }, (_, i) => ({ serverId: 's', firstBlock: i, blockCount: 1 }));
    const { generate, transport } = setUp({ ...CHAIN, id: chainId(hops), hops });
    const tokens = Array.from({ length: 80 }, () => 41);
    const generation = await generate.generate(request({ prompt: { kind: 'tokens', tokens } }), never);
    await collect(generation.events);
    expect(transport.mostUnderWay).toBe(MAX_STEPS_UNDER_WAY);
  });

  it('frees the slot of a consumer that leaves before the first event, in the middle, or through its signal', async () => {
    const { generate, transport, scheduler, telemetry } = setUp();
    await (await generate.generate(request(), never)).events.return?.();
    expect(scheduler.runningCount).toBe(0);
    for await (const _ of (await generate.generate(request(), never)).events) break;
    expect(scheduler.runningCount).toBe(0);
    const leaver = new AbortController();
    const generation = await generate.generate(request(), leaver.signal);
    await generation.events.next();
    leaver.abort();
    expect(scheduler.runningCount).toBe(0);
    expect(transport.openSessions).toBe(0);
    expect(telemetry.finished.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('ends a request whose server fails with chain_failed, and reports the server', async () => {
    const { generate, transport, scheduler, failures } = setUp();
    transport.failAfter = 5;
    const generation = await generate.generate(request(), never);
    await expect(collect(generation.events)).rejects.toMatchObject({ code: 'DSP_CHAIN_FAILED', serverId: 's' });
    expect(failures).toEqual(['DSP_SERVER_LOST']);
    expect(scheduler.runningCount).toBe(0);
    expect(scheduler.counts.failed).toBe(1);
  });

  it('ends a request that a full cache refuses without holding that against the chain, nor taking it for a loss', async () => {
    const { generate, transport, scheduler, telemetry } = setUp();
    transport.refuse = new DispatcherError('DSP_CACHE_FULL', 'no room', { serverId: 's' });
    await expect(generate.generate(request(), never)).rejects.toMatchObject({ code: 'DSP_CHAIN_FAILED' });
    expect(scheduler.runningCount).toBe(0);
    expect(telemetry.failovers).toEqual([]);
    transport.refuse = new DispatcherError('DSP_SERVER_LOST', 'gone', { serverId: 's' });
    await expect(generate.generate(request(), never)).rejects.toMatchObject({ code: 'DSP_CHAIN_FAILED' });
    expect(telemetry.failovers).toEqual(['exhausted']);
  });

  it('tells requests that run at the end of the grace period why they end', async () => {
    const { generate, scheduler } = setUp();
    const generation = await generate.generate(request(), never);
    await generation.events.next();
    generate.interruptAll(new DispatcherError('DSP_DRAINING', 'going'));
    await expect(generation.events.next()).rejects.toMatchObject({ code: 'DSP_DRAINING' });
    expect(scheduler.runningCount).toBe(0);
  });

  it.each<[string, Partial<GenerationRequest>, string, string]>([
    ['an unknown model', { modelId: 'nope' }, 'DSP_MODEL_NOT_FOUND', 'model'],
    ['an empty prompt', { prompt: { kind: 'text', text: '' } }, 'DSP_INVALID_ARGUMENT', 'prompt'],
    ['a token that is none', { prompt: { kind: 'tokens', tokens: [1, -1] } }, 'DSP_INVALID_ARGUMENT', 'prompt[1]'],
    ['no output', { maxTokens: 0 }, 'DSP_INVALID_ARGUMENT', 'max_tokens'],
    ['more than the session holds', { maxTokens: 503 }, 'DSP_CONTEXT_TOO_LONG', 'max_tokens'],
  ])('refuses %s before anything is scheduled', async (_, overrides, code, param) => {
    const { generate, scheduler } = setUp();
    await expect(generate.generate(request(overrides), never)).rejects.toMatchObject({ code, param });
    expect(scheduler.counts.arrived).toBe(0);
  });

  it('lowers a maximum that the client did not name to what the prompt leaves', async () => {
    const { generate } = setUp();
    const tokens = Array.from({ length: 510 }, () => 41);
    const generation = await generate.generate(
      request({ prompt: { kind: 'tokens', tokens }, maxTokens: 256, isMaxTokensDefault: true }),
      never,
    );
    expect((await collect(generation.events)).at(-1)).toMatchObject({ completionTokens: 2 });
  });

  it('has every slot and session back after any mixture of endings', async () => {
    const { generate, transport, scheduler, telemetry } = setUp();
    const rng = createRng(7, 'endings');
    const one = async (): Promise<void> => {
      const leaver = new AbortController();
      try {
        const generation = await generate.generate(
          request({ maxTokens: 1 + Math.floor(rng.next() * 6) }),
          leaver.signal,
        );
        for await (const _ of generation.events) {
          const draw = rng.next();
          if (draw < 0.1) leaver.abort();
          else if (draw < 0.2) break;
          else if (draw < 0.25) throw new Error('the front broke');
          transport.failAfter = rng.next() < 0.1 ? 2 : Number.POSITIVE_INFINITY;
        }
      } catch {
        // Whatever it was: what counts is what is left behind.
      }
    };
    const started = 300;
    for (let i = 0; i < started; i += 5) await Promise.all(Array.from({ length: 5 }, one));
    expect(scheduler.runningCount + scheduler.queueLength).toBe(0);
    expect(transport.openSessions).toBe(0);
    expect(telemetry.finished).toHaveLength(started);
    expect(new Set(telemetry.finished.map(({ outcome }) => outcome))).toEqual(
      new Set(['completed', 'cancelled', 'failed']),
    );
  });
});
