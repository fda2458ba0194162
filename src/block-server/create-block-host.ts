import { containsSpan, endBlock, type Span } from '../domain/model/span.ts';
import type { WeightsDtype } from '../domain/model/weights-dtype.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { siblingModule, WorkerClient } from '../language-model/runtime/worker-client.ts';
import type { ModelConfig } from '../language-model/weights/model-config.ts';
import { openModelWeights } from '../language-model/weights/open-model-weights.ts';
import { checkQuantizable } from '../language-model/weights/quantize-matrix.ts';
import { computeBlockBytes, computeCacheBytesPerToken } from '../language-model/weights/tensor-names.ts';
import { BlockStore } from './block-store.ts';
import { CacheBudget } from './cache-budget.ts';
import type { ComputeRequest, StepResult } from './compute-messages.ts';
import { HostedSession } from './hosted-session.ts';
import type { MeasuredBlockSpeed } from './measure-speed.ts';

export interface BlockHostOptions {
  /** Model folder or file, see `locateModel`. */
  readonly modelPath: string;
  /** Name of the model; by default that of its folder. */
  readonly modelId?: string;
  /** Format of the matrices; float32 unless told. */
  readonly dtype?: WeightsDtype;
  /** Bytes for blocks and caches together. */
  readonly memoryBytes: number;
  /** Threads of one matrix product. One by default: several servers share a machine. */
  readonly threads?: number;
  /** Told once when the thread that computes dies; the host then refuses every session. */
  readonly onFailure?: (error: DispatcherError) => void;
}

/**
 * A span of real blocks with a bounded cache, computed in a thread of its own. Nothing is hosted until `host`.
 * @throws DispatcherError DSP_BAD_WEIGHTS; DSP_INVALID_ARGUMENT, also for a `dtype` that the model's shape does not allow
 */
export async function createBlockHost(options: BlockHostOptions): Promise<BlockHost> {
  const { modelPath, memoryBytes, dtype = 'float32', threads = 1 } = options;
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < 0) throw invalid('memoryBytes', 'must be whole bytes, >= 0');
  if (!Number.isSafeInteger(threads) || threads < 1) throw invalid('threads', 'must be a whole number >= 1');
  const weights = await openModelWeights(modelPath, options.modelId);
  const { id, config } = weights;
  const compute = new WorkerClient<ComputeRequest>(
    siblingModule(import.meta.url, 'compute-worker'),
    'block compute',
    (error) => options.onFailure?.(error),
  );
  try {
    if (dtype === 'int8') checkQuantizable(id, config);
    const started = compute.call({ kind: 'start', modelPath, modelId: id, dtype, threads });
    const [weightsDigest] = await Promise.all([weights.digest(), started]);
    return new BlockHost({ id, config, dtype, weightsDigest }, memoryBytes, compute);
  } catch (error) {
    await compute.close();
    throw error;
  } finally {
    await weights.close();
  }
}

interface HostedModel {
  readonly id: string;
  readonly config: ModelConfig;
  readonly dtype: WeightsDtype;
  readonly weightsDigest: string;
}

export class BlockHost {
  readonly modelId: string;
  readonly blockCount: number;
  readonly hiddenSize: number;
  readonly blockBytes: number;
  readonly cacheBytesPerTokenPerBlock: number;
  readonly weightsDigest: string;
  readonly #contextTokens: number;
  readonly #compute: WorkerClient<ComputeRequest>;
  readonly #budget: CacheBudget;
  readonly #store: BlockStore;
  readonly #sessions = new Set<HostedSession>();
  #nextSession = 1;
  #isClosed = false;

  constructor(
    { id, config, dtype, weightsDigest }: HostedModel,
    memoryBytes: number,
    compute: WorkerClient<ComputeRequest>,
  ) {
    this.modelId = id;
    this.blockCount = config.blockCount;
    this.hiddenSize = config.hiddenSize;
    this.blockBytes = computeBlockBytes(config, dtype);
    this.cacheBytesPerTokenPerBlock = computeCacheBytesPerToken(config);
    this.weightsDigest = weightsDigest;
    this.#contextTokens = config.contextTokens;
    this.#compute = compute;
    this.#budget = new CacheBudget(memoryBytes, this.blockBytes);
    const loader = {
      load: (block: number) => compute.call<void>({ kind: 'load', block }),
      unload: (block: number) => compute.post({ kind: 'unload', block }),
    };
    this.#store = new BlockStore(loader, this.#budget);
  }

  /** Blocks loaded and accepting sessions. */
  hosted(): Span | undefined {
    return this.#isClosed || this.#compute.hasFailed ? undefined : this.#store.accepting();
  }

  usage(): { readonly cacheBytesFree: number; readonly sessions: number } {
    return { cacheBytesFree: this.#budget.freeBytes, sessions: this.#sessions.size };
  }

  /**
   * Makes `span` the hosted span, see `BlockStore.moveTo`, with `cacheBytes` for the sessions opened from now on.
   * @throws DispatcherError DSP_INVALID_ARGUMENT, DSP_BAD_WEIGHTS, DSP_CANCELLED
   */
  async host(span: Span, cacheBytes: number): Promise<void> {
    if (this.#isClosed) throw new DispatcherError('DSP_CANCELLED', 'the block server is closed');
    this.#checkSpan(span, 0);
    if (!Number.isSafeInteger(cacheBytes) || cacheBytes < 0) throw invalid('cacheBytes', 'must be whole bytes, >= 0');
    const needed = span.blockCount * this.blockBytes + cacheBytes;
    if (needed > this.#budget.memoryBytes) {
      throw invalid('span', `and cache need ${needed} bytes, and this server has ${this.#budget.memoryBytes}`);
    }
    this.#budget.grant(cacheBytes);
    await this.#store.moveTo(span);
  }

  /** Seconds per token and block, measured on one block: a loaded one, or the first for as long. */
  async measureSpeed(): Promise<MeasuredBlockSpeed> {
    return await this.#store.withAnyBlock((block) =>
      this.#compute.call<MeasuredBlockSpeed>({ kind: 'measure', block }),
    );
  }

  /**
   * Reserves cache of `maxTokens` for the blocks, or refuses.
   * @throws DispatcherError DSP_CACHE_FULL, DSP_SPAN_NOT_HOSTED, DSP_INVALID_ARGUMENT, DSP_CONTEXT_TOO_LONG
   */
  openSession(blocks: Span, maxTokens: number): HostedSession {
    this.#checkSpan(blocks, 1);
    if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) throw invalid('maxTokens', 'must be a whole number >= 1');
    if (maxTokens > this.#contextTokens) {
      const message = `${maxTokens} tokens exceed the model's context of ${this.#contextTokens}`;
      throw new DispatcherError('DSP_CONTEXT_TOO_LONG', message, { param: 'maxTokens' });
    }
    const hosted = this.hosted();
    if (hosted === undefined || !containsSpan(hosted, blocks)) {
      const range = hosted === undefined ? 'none' : `[${hosted.firstBlock}, ${endBlock(hosted)})`;
      const asked = `[${blocks.firstBlock}, ${endBlock(blocks)})`;
      throw new DispatcherError('DSP_SPAN_NOT_HOSTED', `blocks ${asked} were asked for; hosted: ${range}`);
    }
    const bytes = maxTokens * blocks.blockCount * this.cacheBytesPerTokenPerBlock;
    this.#budget.reserve(bytes);
    this.#store.retain(blocks);
    const id = this.#nextSession;
    this.#nextSession += 1;
    this.#compute.post({
      kind: 'open',
      session: id,
      firstBlock: blocks.firstBlock,
      blockCount: blocks.blockCount,
      maxTokens,
    });
    const session = new HostedSession({
      hiddenSize: this.hiddenSize,
      maxTokens,
      step: (hidden, tokens, returnTokens) =>
        this.#compute.call<StepResult>({ kind: 'step', session: id, hidden, tokens, returnTokens }, [
          hidden.buffer as ArrayBuffer,
        ]),
      close: () => this.#endSession(session, id, blocks, bytes),
    });
    this.#sessions.add(session);
    return session;
  }

  /** Ends every session and the thread. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#store.close();
    for (const session of this.#sessions) session.close();
    await this.#compute.close();
  }

  /** The memory is free only when no step of the session runs any more. */
  #endSession(session: HostedSession, id: number, blocks: Span, bytes: number): void {
    const release = (): void => {
      this.#sessions.delete(session);
      this.#budget.release(bytes);
      this.#store.release(blocks);
    };
    // A dead or closed thread holds no cache either.
    this.#compute.call<void>({ kind: 'close', session: id }).then(release, release);
  }

  #checkSpan({ firstBlock, blockCount }: Span, minBlocks: number): void {
    const isValid =
      Number.isSafeInteger(firstBlock) &&
      Number.isSafeInteger(blockCount) &&
      firstBlock >= 0 &&
      blockCount >= minBlocks &&
      firstBlock + blockCount <= this.blockCount;
    if (!isValid) {
      throw invalid('span', `of ${blockCount} blocks from ${firstBlock} lies outside the model's ${this.blockCount}`);
    }
  }
}

function invalid(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param} ${problem}`, { param });
}
