import type { Chain } from '../../domain/model/chain.ts';
import type { ChainSession, HopTiming } from '../ports/chain-transport.ts';
import type { Clock } from '../ports/clock.ts';
import type { ChainChoice, ChainTimes, HopTimes, RequestTimes } from '../ports/request-journal.ts';
import type { RequestTrace } from '../ports/request-tracer.ts';
import type { RequestOutcome } from '../ports/telemetry.ts';

/** What is asked of a session here. */
type TimedSession = Pick<ChainSession, 'hopTimings'>;

/** One chain of a request, while it runs and after. */
interface ChainChapter {
  readonly chain: Chain;
  readonly choice: ChainChoice | undefined;
  readonly startedMs: number;
  openedMs: number | undefined;
  firstTokenMs: number | undefined;
  lastTokenMs: number | undefined;
  tokens: number;
  /** While it runs, the hops are asked of it; then their last figures stay. */
  session: TimedSession | undefined;
  /** What the session's hops had taken before this chain: hops that stay in place count on. */
  before: readonly HopTiming[];
  hops: readonly HopTimes[];
}

/** A request moves to another chain this often at most; what comes later is not told chain by chain. */
const MAX_CHAPTERS = 32;

/** Where the time of one request goes, told as it happens. Holds no prompt and no output. */
export class RequestStory {
  readonly requestId: string;
  readonly trace: RequestTrace | undefined;
  readonly #modelId: string;
  readonly #clock: Clock;
  readonly #onEnd: (story: RequestStory) => void;
  readonly #arrivedMs: number;
  readonly #chapters: ChainChapter[] = [];
  #outcome: RequestOutcome | undefined;
  #endedMs: number | undefined;
  #promptTokens = 0;
  #completionTokens = 0;
  #firstTokenMs: number | undefined;
  #handedOverMs: number | undefined;
  #clientMs = 0;
  /** The session of the chain before, which may go on with other hops. */
  #last: { readonly session: TimedSession; readonly timings: readonly HopTiming[] } | undefined;

  /** @param onEnd told once, when the outcome is known */
  /** What goes to every hop with the request. */
  get traceContext(): { readonly traceparent?: string } {
    const traceparent = this.trace?.traceparent;
    return traceparent === undefined ? {} : { traceparent };
  }

  constructor(
    requestId: string,
    modelId: string,
    clock: Clock,
    onEnd: (story: RequestStory) => void,
    trace?: RequestTrace,
  ) {
    this.requestId = requestId;
    this.trace = trace;
    this.#modelId = modelId;
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#arrivedMs = clock.nowMs();
  }

  /** The request holds a slot of a chain: its first one, or another after a failure. @param chains fastest first */
  chainTaken(chain: Chain, chains: readonly Chain[]): void {
    this.#closeChapter();
    if (this.#chapters.length >= MAX_CHAPTERS) return;
    const index = chains.findIndex(({ id }) => id === chain.id);
    this.#chapters.push({
      chain,
      choice: index < 0 ? undefined : { position: index + 1, chainCount: chains.length },
      startedMs: this.#clock.nowMs(),
      openedMs: undefined,
      firstTokenMs: undefined,
      lastTokenMs: undefined,
      tokens: 0,
      session: undefined,
      before: [],
      hops: [],
    });
  }

  /** Every hop of the chain has reserved its cache. */
  chainOpened(session: TimedSession): void {
    const chapter = this.#chapters.at(-1);
    if (chapter === undefined) return;
    chapter.openedMs = this.#clock.nowMs();
    chapter.session = session;
    chapter.before = this.#last?.session === session ? this.#last.timings : [];
  }

  tokenMade(nowMs: number, promptTokens: number): void {
    this.#promptTokens = promptTokens;
    this.#completionTokens += 1;
    this.#firstTokenMs ??= nowMs;
    this.#handedOverMs = nowMs;
    const chapter = this.#chapters.at(-1);
    if (chapter === undefined) return;
    chapter.firstTokenMs ??= nowMs;
    chapter.lastTokenMs = nowMs;
    chapter.tokens += 1;
  }

  /** The generation ended: the end token counts too, as in the client's usage. */
  generationEnded(promptTokens: number, completionTokens: number): void {
    this.#promptTokens = promptTokens;
    this.#completionTokens = completionTokens;
  }

  /** The client took the token, and asks for the next. */
  tokenTaken(): void {
    if (this.#handedOverMs !== undefined) this.#clientMs += this.#clock.nowMs() - this.#handedOverMs;
    this.#handedOverMs = undefined;
  }

  /** The first call counts. */
  ended(outcome: RequestOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#endedMs = this.#clock.nowMs();
    this.#closeChapter();
    this.#onEnd(this);
  }

  /** Everything known of it now. */
  times(): RequestTimes {
    const first = this.#chapters[0];
    return {
      requestId: this.requestId,
      modelId: this.#modelId,
      outcome: this.#outcome,
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      totalSeconds: this.#sinceArrival(this.#endedMs ?? this.#clock.nowMs()),
      queueSeconds: first === undefined ? undefined : this.#sinceArrival(first.startedMs),
      firstTokenSeconds: this.#firstTokenMs === undefined ? undefined : this.#sinceArrival(this.#firstTokenMs),
      clientSeconds: this.#clientMs / 1000,
      chains: this.#chapters.map((chapter) => this.#chainTimes(chapter)),
    };
  }

  #chainTimes(chapter: ChainChapter): ChainTimes {
    const { openedMs, firstTokenMs, lastTokenMs, startedMs } = chapter;
    return {
      chainId: chapter.chain.id,
      choice: chapter.choice,
      startedAfterSeconds: this.#sinceArrival(startedMs),
      openingSeconds: between(startedMs, openedMs),
      prefillSeconds: between(openedMs, firstTokenMs),
      decodeSeconds: between(firstTokenMs, lastTokenMs),
      tokens: chapter.tokens,
      hops: chapter.session === undefined ? chapter.hops : hopTimes(chapter, chapter.session.hopTimings()),
    };
  }

  /** Keeps the hops' last figures and lets go of the session. */
  #closeChapter(): void {
    const chapter = this.#chapters.at(-1);
    if (chapter?.session === undefined) return;
    const timings = chapter.session.hopTimings();
    chapter.hops = hopTimes(chapter, timings);
    this.#last = this.#outcome === undefined ? { session: chapter.session, timings } : undefined;
    chapter.session = undefined;
  }

  #sinceArrival(ms: number): number {
    return (ms - this.#arrivedMs) / 1000;
  }
}

function hopTimes({ chain, before }: ChainChapter, timings: readonly HopTiming[]): readonly HopTimes[] {
  return chain.hops.map(({ serverId, firstBlock, blockCount }, index) => {
    const timing = timings[index];
    const kept = before.find((earlier) => earlier.serverId === serverId);
    // A server that took its own place again began anew.
    const isKept = timing !== undefined && kept !== undefined && kept.steps <= timing.steps;
    const since = isKept ? kept : undefined;
    return {
      serverId,
      firstBlock,
      blockCount,
      steps: (timing?.steps ?? 0) - (since?.steps ?? 0),
      roundTripSeconds: Math.max(0, (timing?.roundTripSeconds ?? 0) - (since?.roundTripSeconds ?? 0)),
      computeSeconds: Math.max(0, (timing?.computeSeconds ?? 0) - (since?.computeSeconds ?? 0)),
    };
  });
}

function between(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined ? undefined : (toMs - fromMs) / 1000;
}
