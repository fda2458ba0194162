import type { BlockHost, BlockSession, MeasuredSpeed } from '../../src/application/ports/block-host.ts';
import type { ModelShape } from '../../src/domain/model/model.ts';
import { containsSpan, endBlock, type Span } from '../../src/domain/model/span.ts';
import { oneWaySeconds, type SharedServerSpeeds, stepSeconds } from '../../src/domain/planning/service-times.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';
import { VOCABULARY } from './emulated-model.ts';

export interface EmulatedBlockHostOptions {
  readonly shape: ModelShape;
  readonly hiddenSize: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest: string;
  /** Of the emulated server, already divided by the speed of the emulation. */
  readonly speeds: SharedServerSpeeds;
  readonly journeys: Journeys;
}

/** What all servers of an emulation share. */
export interface Journeys {
  /** When the latest token of a request should have left the last hop, ms, by request. */
  readonly departures: Map<number, number>;
  /** Steps so far, and how late they left, ms: what the machine adds to the emulation. */
  steps: number;
  lateMs: number;
}

/** No more than this is made up for, ms: a longer delay is one of the service. */
const MAX_LAG_MS = 50;

/**
 * A block server without blocks: it counts its cache by tokens, and its steps take the time that the
 * contention model gives them. A step has the server to itself for beta of its time and overlaps with others
 * for the rest, so n steps that come together take 1 + beta (n - 1) times as long; travel comes on top.
 *
 * On a busy machine processes and timers are late by about as much as emulated steps take. So each step
 * carries along the chain, in its hidden states, when it would have left the hop before: later hops wait the
 * less. The lag of the whole is then that of a few steps and does not add up over a thousand.
 */
export class EmulatedBlockHost implements BlockHost {
  readonly modelId: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest: string;
  readonly #speeds: SharedServerSpeeds;
  readonly #journeys: Journeys;
  #hosted: Span | undefined;
  #cacheBytes = 0;
  #usedBytes = 0;
  #sessions = 0;
  /** When no step has the server to itself any more, ms. */
  #freeMs = 0;

  constructor(options: EmulatedBlockHostOptions) {
    const { shape, hiddenSize, cacheBytesPerTokenPerBlock, weightsDigest, speeds, journeys } = options;
    this.modelId = shape.id;
    this.blockCount = shape.blockCount;
    this.blockBytes = shape.blockBytes;
    this.hiddenSize = hiddenSize;
    this.cacheBytesPerTokenPerBlock = cacheBytesPerTokenPerBlock;
    this.weightsDigest = weightsDigest;
    this.#speeds = speeds;
    this.#journeys = journeys;
  }

  hosted(): Span | undefined {
    return this.#hosted;
  }

  usage(): { cacheBytesFree: number; sessions: number } {
    return { cacheBytesFree: Math.max(0, this.#cacheBytes - this.#usedBytes), sessions: this.#sessions };
  }

  async host(span: Span, cacheBytes: number): Promise<void> {
    this.#hosted = span.blockCount === 0 ? undefined : span;
    this.#cacheBytes = cacheBytes;
  }

  async measureSpeed(): Promise<MeasuredSpeed> {
    return this.#speeds;
  }

  openSession(blocks: Span, maxTokens: number): BlockSession {
    if (this.#hosted === undefined || !containsSpan(this.#hosted, blocks))
      throw new DispatcherError('DSP_SPAN_NOT_HOSTED', 'these blocks are not hosted');
    const bytes = maxTokens * blocks.blockCount * this.cacheBytesPerTokenPerBlock;
    if (this.#usedBytes + bytes > this.#cacheBytes) throw new DispatcherError('DSP_CACHE_FULL', 'the cache is full');
    this.#usedBytes += bytes;
    this.#sessions += 1;
    let isClosed = false;
    const isLast = endBlock(blocks) === this.blockCount;
    const isFirst = blocks.firstBlock === 0;
    let request: number | undefined;
    let doneMs = 0;
    return {
      step: async (hidden, tokens, returnTokens) => {
        const nowMs = performance.now();
        const isPrompt = tokens > 1;
        request ??= isFirst ? requestOf(hidden, this.hiddenSize) : (hidden[0] ?? 0);
        const sentMs = isFirst ? (isPrompt ? doneMs : this.#journeys.departures.get(request)) : departureOf(hidden);
        const travelMs = 1000 * oneWaySeconds(this.#speeds, tokens, 0);
        const arrivedMs = Math.max(nowMs - MAX_LAG_MS, (sentMs ?? nowMs) + (isFirst && isPrompt ? 0 : travelMs));
        const stepMs = 1000 * stepSeconds(this.#speeds, blocks.blockCount, tokens, isPrompt);
        const beginMs = Math.max(arrivedMs, doneMs, this.#freeMs);
        this.#freeMs = beginMs + this.#speeds.concurrencySlope * stepMs;
        doneMs = beginMs + stepMs;
        const leaveMs = doneMs + travelMs;
        await wait(leaveMs - nowMs);
        this.#journeys.steps += 1;
        this.#journeys.lateMs += performance.now() - leaveMs;
        if (isLast) this.#journeys.departures.set(request, leaveMs);
        const answer = new Float32Array(returnTokens * this.hiddenSize);
        for (let row = 0; row < answer.length; row += this.hiddenSize) writeRow(answer, row, request, leaveMs);
        return { hidden: answer, computeSeconds: stepMs / 1000 };
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        this.#usedBytes -= bytes;
        this.#sessions -= 1;
        if (isLast && request !== undefined) this.#journeys.departures.delete(request);
      },
    };
  }

  async close(): Promise<void> {}
}

/** The replayed request that a prompt is of: its first two tokens tell. */
function requestOf(hidden: Float32Array, hiddenSize: number): number {
  return (hidden[0] ?? 0) * VOCABULARY + (hidden[hiddenSize] ?? 0);
}

const HIGH_MS = 1024;

/** A row says whose it is and when it left, in two parts that are exact enough in float32. */
function writeRow(hidden: Float32Array, row: number, request: number, leaveMs: number): void {
  hidden[row] = request;
  hidden[row + 1] = Math.floor(leaveMs / HIGH_MS);
  hidden[row + 2] = leaveMs % HIGH_MS;
}

function departureOf(hidden: Float32Array): number {
  return (hidden[1] ?? 0) * HIGH_MS + (hidden[2] ?? 0);
}

/** To the nearest millisecond, which is what timers can do. */
function wait(ms: number): Promise<void> {
  const whole = Math.round(ms);
  return new Promise((resolve) => (whole < 1 ? setImmediate(resolve) : setTimeout(resolve, whole)));
}
