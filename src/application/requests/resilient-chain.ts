import { type Chain, chainId, type Hop } from '../../domain/model/chain.ts';
import { endBlock, type Span } from '../../domain/model/span.ts';
import { DispatcherError, isServerFault } from '../../domain/shared/errors.ts';
import type { ChainSession, HopFailure, HopTiming } from '../ports/chain-transport.ts';
import { pause } from './pause.ts';
import { ProgressWatch } from './progress-watch.ts';
import { isRefusal, RecoveryAttempts } from './recovery-attempts.ts';
import type { ChainUse, ResilientChainDependencies, ResilientChainOptions } from './resilience-parts.ts';

/**
 * The chain of one request, through all failures of its servers. It owns what was fed (the tokens; the
 * session keeps what each hop was fed), and when a hop is lost it looks for the least that restores it:
 * the same server once more after a mere loss of the connection, then other servers for the lost blocks,
 * then another chain, now or as soon as there is one. The caller of `feed` sees a pause and nothing else:
 * each position's rows come once, whatever happened meanwhile.
 */
export class ResilientChain {
  readonly #deps: ResilientChainDependencies;
  readonly #options: ResilientChainOptions;
  readonly #use: ChainUse;
  readonly #attempts: RecoveryAttempts;
  readonly #progress: ProgressWatch;
  readonly #fed: number[] = [];
  /** The session's hops. They differ from the ticket's only while the session is detached. */
  #hops: readonly Hop[] = [];
  #session: ChainSession | undefined;
  #isDetached = false;
  #isRecovering = false;
  #hasDelivered = false;
  /** Losses that are not reported yet: whether the request went on is known with its next rows. */
  #losses = 0;
  #moves = 0;
  #failure: DispatcherError | undefined;

  constructor(deps: ResilientChainDependencies, options: ResilientChainOptions, use: ChainUse) {
    this.#deps = deps;
    this.#options = options;
    this.#use = use;
    this.#attempts = new RecoveryAttempts(options.recovery.maxAttempts);
    this.#progress = new ProgressWatch(options.recovery.progress);
  }

  /** Whether every hop is the one that the request was first given. */
  get isOriginal(): boolean {
    return this.#moves === 0;
  }

  /**
   * Reserves the caches of the ticket's chain, or of another one when that fails.
   * @throws DispatcherError DSP_CHAIN_FAILED, DSP_CANCELLED
   */
  async open(): Promise<void> {
    const { ticket, record, signal } = this.#use;
    while (this.#session === undefined) {
      try {
        const session = await this.#openSession(ticket.chain);
        if (signal.aborted) session.close();
        this.#session = session;
        this.#hops = ticket.chain.hops;
        record.story?.chainOpened(session);
      } catch (error) {
        if (signal.aborted || !isHopFailure(error)) throw error;
        this.#note(error);
        await this.#takeOtherChain(error);
        record.story?.chainTaken(ticket.chain, this.#deps.chains.chains);
      }
    }
  }

  /**
   * Feeds the next tokens; resolves with the last `returnTokens` rows of the last block's output. May be
   * called again before earlier calls have resolved.
   * @throws DispatcherError DSP_CHAIN_FAILED when no chain could take over, DSP_CANCELLED
   */
  async feed(tokens: readonly number[], returnTokens: number): Promise<Float32Array> {
    const session = this.#session;
    if (session === undefined) throw new DispatcherError('DSP_INTERNAL', 'a chain is opened before it is fed');
    this.#fed.push(...tokens);
    try {
      const rows = await session.forward(this.#deps.model.embed(tokens), tokens.length, returnTokens);
      this.#goesOn();
      if (tokens.length === 1) this.#watchProgress(session);
      return rows;
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  hopTimings(): readonly HopTiming[] {
    return this.#session?.hopTimings() ?? [];
  }

  /** Frees the caches at every hop. Idempotent. */
  close(): void {
    this.#session?.close();
  }

  #openSession(chain: Chain): Promise<ChainSession> {
    const { model, transport, chains, load, pieces, newId } = this.#deps;
    const { stepTimeoutMs, replayTokens, recovery } = this.#options;
    return transport.open(
      {
        sessionId: newId(),
        modelId: model.id,
        hiddenSize: model.hiddenSize,
        planEpoch: this.#use.ticket.epoch,
        hops: chains.resolveHops(chain),
        maxTokens: this.#use.maxTokens,
        prompt: {
          tokens: this.#use.promptTokens,
          steps: Math.ceil(this.#use.promptTokens / pieces.nextPiece(chain, this.#use.promptTokens)),
        },
        load,
        stepTimeoutMs,
        ...this.#use.record.story?.traceContext,
        recovery: {
          firstInputs: (position, tokens) => model.embed(this.#fed.slice(position, position + tokens)),
          memory: recovery.memory,
          replayTokens,
          suspended: () => void this.#recover(),
        },
      },
      this.#use.signal,
    );
  }

  #goesOn(): void {
    this.#hasDelivered = true;
    // Rows that were past the lost hop still come: they tell nothing of the recovery.
    if (this.#isRecovering) return;
    this.#attempts.progressed();
    for (; this.#losses > 0; this.#losses -= 1) this.#deps.telemetry.failoverEnded('continued');
  }

  /** Leaves a server that is far slower than planned, if others could do its blocks now. */
  #watchProgress(session: ChainSession): void {
    const { ticket } = this.#use;
    const { typicalOutputTokens } = this.#options.recovery;
    const slow = this.#progress.observe(session.hopTimings(), ticket.chain.serviceSeconds / typicalOutputTokens);
    const hop = slow === undefined ? undefined : this.#hops[slow.index];
    if (slow === undefined || hop === undefined || this.#attempts.isLast) return;
    const kept = this.#hops.filter((other) => other !== hop);
    if (this.#findHops([hop], kept, hop.serverId) === undefined) return;
    const { serverId } = hop;
    const seconds = slow.seconds.toFixed(2);
    const problem = `Server ${serverId} takes ${seconds} s for a step, far longer than planned.`;
    session.abandon(slow.index, new DispatcherError('DSP_STEP_TIMEOUT', problem, { serverId }));
  }

  /** Replaces lost hops until none is lost. Never rejects: what cannot be mended ends the session. */
  async #recover(): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#isRecovering) return;
    this.#isRecovering = true;
    try {
      for (let [lost] = session.failures(); lost !== undefined; [lost] = session.failures())
        await this.#replace(session, lost);
    } catch (error) {
      this.#failure = error instanceof DispatcherError ? error : undefined;
      session.close();
      if (this.#failure === undefined) throw error;
    } finally {
      this.#isRecovering = false;
    }
  }

  /** One attempt to put something in the place of a lost hop. */
  async #replace(session: ChainSession, lost: HopFailure): Promise<void> {
    const { ticket } = this.#use;
    const first = this.#isDetached ? 0 : session.replayableFrom(lost.index);
    const count = this.#isDetached ? this.#hops.length : lost.index - first + 1;
    const section = this.#hops.slice(first, first + count);
    if (!this.#isDetached && this.#attempts.mayRetrySame(lost.error)) {
      await this.#putInPlace(session, first, count, section, ticket.chain);
      if (session.failures().length === 0) this.#losses += 1;
      return;
    }
    const isNews = this.#note(lost.error);
    const before = this.#hops.slice(0, first);
    const after = this.#hops.slice(first + count);
    const hops = this.#findHops(section, [...before, ...after]);
    if (hops !== undefined) {
      const all = [...before, ...hops, ...after];
      const chain = { ...ticket.chain, id: chainId(all), hops: all };
      if (ticket.moveTo(chain)) {
        await this.#putInPlace(session, first, count, hops, chain);
        return;
      }
    }
    this.#isDetached = true;
    session.detach();
    await this.#takeOtherChain(isNews ? lost.error : (this.#attempts.last ?? lost.error));
    await this.#putInPlace(session, 0, this.#hops.length, ticket.chain.hops, ticket.chain);
  }

  /** Rebuilds a section of the session over `hops`. A refusal shows up among the session's failures. */
  async #putInPlace(session: ChainSession, first: number, count: number, hops: readonly Hop[], chain: Chain) {
    const { chains, newId, telemetry } = this.#deps;
    const { record, ticket } = this.#use;
    try {
      const resolved = chains.resolveHops({ ...chain, hops });
      for (const timing of session.hopTimings().slice(first, first + count)) {
        if (timing.steps > 0) telemetry.hopObserved(timing.serverId, timing.roundTripSeconds / timing.steps);
      }
      record.story?.chainTaken(chain, chains.chains);
      this.#moves += 1;
      this.#progress.restart();
      this.#hops = [...this.#hops.slice(0, first), ...hops, ...this.#hops.slice(first + count)];
      this.#isDetached = false;
      await session.replaceHops(first, count, { sessionId: newId(), planEpoch: ticket.epoch, hops: resolved });
      record.story?.chainOpened(session);
    } catch (error) {
      if (this.#use.signal.aborted || !isHopFailure(error)) throw error;
      // One that left before it was asked is no lane's failure; all others come again as one, and are noted then.
      if (session.failures().every((failure) => failure.error !== error)) this.#note(error);
    }
  }

  /** Another chain for the ticket: now if servers have room, else the next that comes free. */
  async #takeOtherChain(error: DispatcherError): Promise<void> {
    const { ticket, deadlineMs } = this.#use;
    const { clock } = this.#deps;
    const untilMs = this.#attempts.waitUntil(clock.nowMs(), this.#options.recovery.maxWaitMs);
    const hops = this.#findHops(ticket.chain.hops, []);
    if (hops !== undefined && ticket.moveTo({ ...ticket.chain, id: chainId(hops), hops })) return;
    const endMs = this.#hasDelivered ? untilMs : Math.min(untilMs, deadlineMs);
    const pauseMs = Math.min(this.#attempts.pauseMs(), endMs - clock.nowMs());
    if (pauseMs > 0) await pause(clock, pauseMs, this.#use.signal);
    if (clock.nowMs() >= endMs) throw this.#exhausted(error, 'no other chain could take over in time');
    try {
      await ticket.waitAgain(endMs);
    } catch (cause) {
      if (cause instanceof DispatcherError && cause.code === 'DSP_DEADLINE_EXCEEDED')
        throw this.#exhausted(error, 'no other chain could take over in time');
      throw cause;
    }
  }

  /** @param kept the hops that stay beside the new ones: all others give their cache up for these */
  #findHops(section: readonly Hop[], kept: readonly Hop[], without?: string): readonly Hop[] | undefined {
    const { dispatcher, chains } = this.#deps;
    const { jobId, chain } = this.#use.ticket;
    return chains.findHops(spanOf(section), (serverId) => {
      if (serverId === without || this.#attempts.isAvoided(serverId)) return 0;
      const given = blocksAt(serverId, chain.hops) - blocksAt(serverId, kept);
      return Math.max(0, dispatcher.freeSlotsAt(serverId, jobId) + given);
    });
  }

  /**
   * Counts a failure, once, and tells those who decide about the server.
   * @returns whether it was new   @throws DispatcherError DSP_CHAIN_FAILED when it was one too many
   */
  #note(error: DispatcherError): boolean {
    if (!this.#attempts.count(error)) return false;
    const { chains, log } = this.#deps;
    const { ticket } = this.#use;
    // Want of room is no loss of a server: nothing failed, the request waits or goes elsewhere.
    if (error.code !== 'DSP_CACHE_FULL') this.#losses += 1;
    log('a chain failed its request', {
      jobId: ticket.jobId,
      chainId: ticket.chain.id,
      serverId: error.serverId,
      code: error.code,
      reason: error.message,
    });
    chains.reportFailure(error);
    if (this.#attempts.isExhausted) throw this.#exhausted(error, 'too many servers failed it');
    return true;
  }

  #exhausted(error: DispatcherError, why: string): DispatcherError {
    for (; this.#losses > 0; this.#losses -= 1) this.#deps.telemetry.failoverEnded('exhausted');
    return new DispatcherError('DSP_CHAIN_FAILED', `the chain of this request failed, and ${why}: ${error.message}`, {
      ...(error.serverId !== undefined && { serverId: error.serverId }),
      cause: error,
    });
  }
}

/** What one hop did, as opposed to what the client or the dispatcher did. */
function isHopFailure(error: unknown): error is DispatcherError {
  if (!(error instanceof DispatcherError) || error.serverId === undefined) return false;
  return isServerFault(error) || isRefusal(error);
}

function blocksAt(serverId: string, hops: readonly Hop[]): number {
  let blocks = 0;
  for (const hop of hops) if (hop.serverId === serverId) blocks += hop.blockCount;
  return blocks;
}

function spanOf(hops: readonly Hop[]): Span {
  const firstBlock = hops[0]?.firstBlock ?? 0;
  const last = hops.at(-1);
  return { firstBlock, blockCount: (last === undefined ? firstBlock : endBlock(last)) - firstBlock };
}
