import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockHost, BlockSession, MeasuredSpeed } from '../../src/application/ports/block-host.ts';
import { containsSpan, type Span } from '../../src/domain/model/span.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';

export interface MemoryBlockHostOptions {
  readonly modelId?: string;
  readonly blockCount?: number;
  readonly hiddenSize?: number;
  readonly hosted?: Span;
  /** Tokens of cache per block. */
  readonly cacheTokens?: number;
  readonly stepMs?: number;
  /** Of each step, besides `stepMs`. */
  readonly tokenMs?: number;
  /** Changes a step's output before it is answered. */
  readonly spoil?: (output: Float32Array) => Float32Array | Promise<Float32Array>;
  readonly loadMs?: number;
  /** Outputs also depend on every row that the session has seen, in order, as those of real blocks do. */
  readonly remembers?: boolean;
}

/**
 * A block host without a model: block b adds b + 1 to every value, so outputs tell which blocks
 * ran. Its cache is counted and not kept.
 */
export class MemoryBlockHost implements BlockHost {
  readonly modelId: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly blockBytes = 1_000;
  readonly cacheBytesPerTokenPerBlock = 8;
  readonly weightsDigest = 'memory';
  stepsAtWork = 0;
  stepsRun = 0;
  readonly hostCalls: Span[] = [];
  #hosted: Span | undefined;
  #cacheTokensFree: number;
  #sessions = 0;
  #hostGeneration = 0;
  readonly #options: MemoryBlockHostOptions;

  constructor(options: MemoryBlockHostOptions = {}) {
    this.#options = options;
    this.modelId = options.modelId ?? 'test-model';
    this.blockCount = options.blockCount ?? 8;
    this.hiddenSize = options.hiddenSize ?? 4;
    this.#hosted = options.hosted ?? { firstBlock: 0, blockCount: this.blockCount };
    this.#cacheTokensFree = (options.cacheTokens ?? 10_000) * this.blockCount;
  }

  hosted(): Span | undefined {
    return this.#hosted;
  }

  usage(): { cacheBytesFree: number; sessions: number } {
    return { cacheBytesFree: this.#cacheTokensFree * this.cacheBytesPerTokenPerBlock, sessions: this.#sessions };
  }

  async host(span: Span, _cacheBytes: number): Promise<void> {
    this.hostCalls.push(span);
    this.#hostGeneration += 1;
    const generation = this.#hostGeneration;
    if (this.#options.loadMs !== undefined) await sleep(this.#options.loadMs);
    if (generation !== this.#hostGeneration) throw new DispatcherError('DSP_CANCELLED', 'superseded');
    this.#hosted = span.blockCount === 0 ? undefined : span;
  }

  async measureSpeed(): Promise<MeasuredSpeed> {
    return {
      overheadSecondsPerBlock: 0.001,
      prefillSecondsPerTokenPerBlock: 0.0001,
      decodeSecondsPerTokenPerBlock: 0.001,
    };
  }

  openSession(blocks: Span, maxTokens: number): BlockSession {
    if (this.#hosted === undefined || !containsSpan(this.#hosted, blocks))
      throw new DispatcherError('DSP_SPAN_NOT_HOSTED', 'these blocks are not hosted');
    const reserved = maxTokens * blocks.blockCount;
    if (reserved > this.#cacheTokensFree) throw new DispatcherError('DSP_CACHE_FULL', 'the cache is full');
    this.#cacheTokensFree -= reserved;
    this.#sessions += 1;
    let isClosed = false;
    const seen = new Map<number, number>();
    let tail: Promise<unknown> = Promise.resolve();
    return {
      step: (hidden, tokens, returnTokens) => {
        const answer = tail.then(() => this.#step(blocks, hidden, tokens, returnTokens, seen));
        tail = answer.catch(() => {});
        return answer;
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        this.#cacheTokensFree += reserved;
        this.#sessions -= 1;
      },
    };
  }

  async close(): Promise<void> {}

  async #step(
    blocks: Span,
    hidden: Float32Array,
    tokens: number,
    returnTokens: number,
    seen: Map<number, number>,
  ): Promise<{ hidden: Float32Array; computeSeconds: number }> {
    this.stepsAtWork += 1;
    this.stepsRun += 1;
    const { stepMs = 0, tokenMs = 0 } = this.#options;
    const computeMs = stepMs + tokenMs * tokens;
    if (computeMs > 0) await sleep(computeMs);
    this.stepsAtWork -= 1;
    const addend = expectedAddend(blocks);
    const all =
      this.#options.remembers === true ? this.#withMemory(blocks, hidden, seen) : hidden.map((value) => value + addend);
    const output = all.slice((tokens - returnTokens) * this.hiddenSize);
    return {
      hidden: (await this.#options.spoil?.(output)) ?? output,
      computeSeconds: computeMs / 1000,
    };
  }

  /** Each block adds to each row what it always adds, and a checksum of it and all rows before; whole numbers, exact in float32. */
  #withMemory(blocks: Span, hidden: Float32Array, seen: Map<number, number>): Float32Array {
    const output = hidden.slice();
    for (let block = blocks.firstBlock; block < blocks.firstBlock + blocks.blockCount; block += 1) {
      let checksum = seen.get(block) ?? 0;
      for (let row = 0; row < output.length; row += this.hiddenSize) {
        checksum = (checksum * 31 + Math.round(output[row] ?? 0) + 7) % 997;
        for (let i = row; i < row + this.hiddenSize; i += 1) output[i] = (output[i] ?? 0) + block + 1 + checksum;
      }
      seen.set(block, checksum);
    }
    return output;
  }
}

/** What the blocks of a span add to every value. */
export function expectedAddend({ firstBlock, blockCount }: Span): number {
  let sum = 0;
  for (let block = firstBlock; block < firstBlock + blockCount; block += 1) sum += block + 1;
  return sum;
}
