import type { ChainSession, OpenChainRequest } from '../../application/ports/chain-transport.ts';
import type { Clock } from '../../application/ports/clock.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { REAL_TIME } from '../wire/deadline.ts';
import { maxRowsPerStep } from '../wire/limits.ts';
import type { ConnectHop } from './hop-link.ts';
import { PipelinedSession } from './pipelined-session.ts';

/** The sessions of one transport. The same for every protocol; `connect` makes the streams. */
export class ChainSessions {
  readonly #connect: ConnectHop;
  readonly #clock: Clock;
  readonly #open = new Set<PipelinedSession>();
  #isClosed = false;

  /** @param clock times the hops; real time unless a test says otherwise */
  constructor(connect: ConnectHop, clock: Clock = REAL_TIME) {
    this.#connect = connect;
    this.#clock = clock;
  }

  /**
   * Opens a session over every hop at once and pipelines steps through them: hop h works on step i
   * while hop h-1 works on step i+1.
   * @throws DispatcherError as `ChainTransport.open`
   */
  open(request: OpenChainRequest, signal: AbortSignal): Promise<ChainSession> {
    return new Promise((resolve, reject) => {
      const problem = problemOf(request);
      if (problem !== undefined) throw new DispatcherError('DSP_INVALID_ARGUMENT', problem);
      if (signal.aborted) throw new DispatcherError('DSP_CANCELLED', 'The request was cancelled.');
      if (this.#isClosed) throw transportClosed();
      const session = new PipelinedSession(
        request,
        signal,
        { connect: this.#connect, clock: this.#clock },
        { opened: resolve, refused: reject, ended: () => this.#open.delete(session) },
      );
      this.#open.add(session);
      session.start();
    });
  }

  /** Fails every session with DSP_SERVER_LOST, and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    for (const session of this.#open) session.end(transportClosed());
  }
}

function problemOf({
  sessionId,
  hiddenSize,
  hops,
  maxTokens,
  stepTimeoutMs,
  recovery,
}: OpenChainRequest): string | undefined {
  if (sessionId.length < 1 || sessionId.length > 64) return 'sessionId must have 1 to 64 characters.';
  if (hops.length < 1) return 'hops must name at least one server.';
  if (!Number.isInteger(maxTokens) || maxTokens < 1) return 'maxTokens must be an integer of at least 1.';
  if (!(stepTimeoutMs > 0)) return 'stepTimeoutMs must be above 0.';
  if (!Number.isInteger(hiddenSize) || hiddenSize < 1 || maxRowsPerStep(hiddenSize) < 1)
    return 'hiddenSize must be at least 1, and one row must fit a message of 1 MiB.';
  if (recovery !== undefined && !(recovery.replayTokens >= 1)) return 'recovery.replayTokens must be at least 1.';
  return undefined;
}

function transportClosed(): DispatcherError {
  return new DispatcherError('DSP_SERVER_LOST', 'The connections to the servers were closed.');
}
