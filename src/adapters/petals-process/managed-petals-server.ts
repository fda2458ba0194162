import type { BlockHost } from '../../application/ports/block-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import { isSameSpan, type Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { PetalsNetwork } from '../wire/petals/petals-network.ts';
import { askServerInfo } from '../wire/petals/server-info.ts';
import { PetalsProcess, type RunnerEvent } from './petals-process.ts';

export interface ManagedPetalsServerOptions {
  readonly python: string;
  /** The runner with its flags and those of PETALS: the same at every start, so that identity and port stay. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dhtPrefix: string;
  readonly model: {
    readonly blockCount: number;
    readonly blockBytes: number;
    readonly cacheBytesPerTokenPerBlock: number;
  };
  readonly network: PetalsNetwork;
  readonly clock: Clock;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly logLine: (line: string) => void;
  /** Blocks that were reported as ready are gone: the server crashed and starts anew. */
  readonly onLost: () => void;
}

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A run that lasted this long was a good one: the next back-off begins anew. */
const STABLE_MS = 60_000;
const ASK_TIMEOUT_MS = 5_000;
/** Between two questions whether the blocks that were just loaded answer. */
const READY_POLL_MS = 100;
const READY_POLLS = 100;

interface Loading {
  readonly epoch: number;
  readonly span: Span;
  readonly resolve: () => void;
  readonly reject: (error: DispatcherError) => void;
}

/**
 * A PETALS server on this machine that hosts what it is told: moved within its process, restarted with
 * the last order after a crash, stopped without leaving anything behind. Blocks count as hosted when
 * the server itself answers for them.
 */
export class ManagedPetalsServer
  implements Pick<BlockHost, 'blockCount' | 'blockBytes' | 'host' | 'hosted' | 'usage' | 'close'>
{
  readonly blockCount: number;
  readonly blockBytes: number;
  readonly #options: ManagedPetalsServerOptions;
  readonly #started = Promise.withResolvers<readonly string[]>();
  #process: PetalsProcess | undefined;
  #address = '';
  #isRunning = false;
  #order: { readonly epoch: number; readonly span: Span; readonly cacheBytes: number } | undefined;
  #loading: Loading | undefined;
  #hosted: Span | undefined;
  #cacheBytesFree = 0;
  #backoffMs = FIRST_BACKOFF_MS;
  #startedMs = 0;
  #cancelRestart: () => void = () => {};
  #isAskingUsage = false;
  #isClosed = false;

  constructor(options: ManagedPetalsServerOptions) {
    this.#options = options;
    this.blockCount = options.model.blockCount;
    this.blockBytes = options.model.blockBytes;
    this.#started.promise.catch(() => {});
  }

  /** Starts the process. @returns its addresses, once it is up; @throws DispatcherError DSP_CANCELLED when closed meanwhile */
  start(): Promise<readonly string[]> {
    this.#spawn();
    return this.#started.promise;
  }

  /** Where it is asked about its blocks: one of its addresses that this machine reaches. */
  reachedAt(address: string): void {
    this.#address = address;
  }

  hosted(): Span | undefined {
    return this.#hosted;
  }

  /** As the server said when this was last asked: no answer is given out twice. */
  usage(): { readonly cacheBytesFree: number; readonly sessions: number } {
    if (this.#hosted === undefined) return { cacheBytesFree: 0, sessions: 0 };
    void this.#askUsage(this.#hosted);
    // PETALS does not tell how many sessions it has; a cache without room has one at least.
    return { cacheBytesFree: this.#cacheBytesFree, sessions: this.#cacheBytesFree === 0 ? 1 : 0 };
  }

  host(span: Span, cacheBytes: number): Promise<void> {
    this.#failLoading(new DispatcherError('DSP_CANCELLED', 'another order came'));
    if (this.#isClosed) return Promise.reject(new DispatcherError('DSP_CANCELLED', 'the server is being stopped'));
    const epoch = (this.#order?.epoch ?? 0) + 1;
    this.#order = { epoch, span, cacheBytes };
    if (this.#hosted !== undefined && !isSameSpan(this.#hosted, span)) this.#hosted = undefined;
    return new Promise((resolve, reject) => {
      this.#loading = { epoch, span, resolve, reject };
      this.#sendOrder();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRestart();
    const stopping = new DispatcherError('DSP_CANCELLED', 'the server is being stopped');
    this.#failLoading(stopping);
    this.#started.reject(stopping);
    await this.#process?.stop();
  }

  #spawn(): void {
    const { python, args, env, clock, logLine } = this.#options;
    this.#startedMs = clock.nowMs();
    this.#process = new PetalsProcess({
      python,
      args,
      env,
      onLog: logLine,
      onEvent: (event) => this.#heard(event),
      onExit: (reason) => this.#exited(reason),
    });
  }

  #heard(event: RunnerEvent): void {
    if (event.event === 'started') {
      this.#isRunning = true;
      this.#started.resolve(event.addresses);
      this.#sendOrder();
    } else if (event.epoch !== this.#order?.epoch) {
      // An order that was overtaken.
    } else if (event.event === 'failed') {
      this.#failLoading(new DispatcherError('DSP_BAD_WEIGHTS', `PETALS could not load the blocks: ${event.reason}`));
    } else {
      void this.#confirm(event.epoch);
    }
  }

  /** The process says its blocks are up: true when the server answers for the first and the last of them. */
  async #confirm(epoch: number): Promise<void> {
    const { clock } = this.#options;
    for (let i = 0; i < READY_POLLS && epoch === this.#order?.epoch && !this.#isClosed; i += 1) {
      const { span } = this.#order;
      if (span.blockCount === 0 || (await this.#answersFor(span))) {
        if (epoch !== this.#order?.epoch || !this.#isRunning) return;
        this.#hosted = span.blockCount === 0 ? undefined : span;
        if (this.#loading?.epoch === epoch) this.#loading.resolve();
        this.#loading = undefined;
        return;
      }
      await new Promise((resolve) => clock.setTimer(READY_POLL_MS, () => resolve(undefined)));
    }
    if (epoch === this.#order?.epoch)
      this.#failLoading(new DispatcherError('DSP_STEP_TIMEOUT', 'PETALS does not answer for the blocks it loaded'));
  }

  async #answersFor(span: Span): Promise<boolean> {
    const { network, dhtPrefix, model } = this.#options;
    try {
      for (const block of new Set([span.firstBlock, span.firstBlock + span.blockCount - 1])) {
        const info = await askServerInfo(network, this.#address, `${dhtPrefix}.${block}`, ASK_TIMEOUT_MS);
        this.#cacheBytesFree = info.cacheTokensAvailable * model.cacheBytesPerTokenPerBlock;
      }
      return true;
    } catch {
      return false;
    }
  }

  async #askUsage(span: Span): Promise<void> {
    if (this.#isAskingUsage) return;
    this.#isAskingUsage = true;
    await this.#answersFor(span);
    this.#isAskingUsage = false;
  }

  #sendOrder(): void {
    if (this.#order === undefined || !this.#isRunning) return;
    const { epoch, span, cacheBytes } = this.#order;
    this.#process?.order({
      epoch,
      first_block: span.firstBlock,
      block_count: span.blockCount,
      cache_bytes: cacheBytes,
    });
  }

  #exited(reason: string): void {
    const { clock, log, network } = this.#options;
    const wasHosting = this.#hosted !== undefined;
    this.#isRunning = false;
    this.#hosted = undefined;
    if (this.#address !== '') network.forget(this.#address);
    if (this.#isClosed) return;
    if (clock.nowMs() - this.#startedMs >= STABLE_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    log('the PETALS server ended, starting it anew', { reason, retryInMs: this.#backoffMs });
    this.#cancelRestart = clock.setTimer(this.#backoffMs, () => this.#spawn());
    this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2);
    if (wasHosting) this.#options.onLost();
  }

  #failLoading(error: DispatcherError): void {
    const loading = this.#loading;
    this.#loading = undefined;
    loading?.reject(error);
  }
}
