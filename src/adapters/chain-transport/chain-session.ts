import {
  type ChainSession,
  type HopTiming,
  MAX_STEPS_UNDER_WAY,
  type OpenChainRequest,
} from '../../application/ports/chain-transport.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { maxRowsPerStep } from '../wire/limits.ts';
import { isFinite32 } from '../wire/tensor.ts';
import { HopLane } from './hop-lane.ts';
import type { ConnectHop, HopStep } from './hop-link.ts';

/** One `forward` that waits for its rows. It may travel as several steps. */
interface Call {
  readonly resolve: (hidden: Float32Array) => void;
  readonly reject: (error: DispatcherError) => void;
  /** Where the rows of several steps are gathered; one step's rows are handed on as they are. */
  readonly gathered: Float32Array | undefined;
  filled: number;
  stepsLeft: number;
}

/** A step with what the last hop has to return of it. */
interface ChainStep extends HopStep {
  readonly call: Call;
  readonly finalRows: number;
}

/** The sessions of one transport. The same for every protocol; `connect` makes the streams. */
export class ChainSessions {
  readonly #connect: ConnectHop;
  readonly #open = new Set<PipelinedSession>();
  #isClosed = false;

  constructor(connect: ConnectHop) {
    this.#connect = connect;
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
      if (signal.aborted) throw cancelled();
      if (this.#isClosed) throw transportClosed();
      const session = new PipelinedSession(request, signal, {
        opened: resolve,
        refused: reject,
        ended: () => this.#open.delete(session),
      });
      this.#open.add(session);
      session.start(this.#connect);
    });
  }

  /** Fails every session with DSP_SERVER_LOST, and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    for (const session of this.#open) session.end(transportClosed());
  }
}

interface SessionListener {
  opened(session: ChainSession): void;
  refused(error: DispatcherError): void;
  ended(): void;
}

class PipelinedSession implements ChainSession {
  readonly #request: OpenChainRequest;
  readonly #signal: AbortSignal;
  readonly #listener: SessionListener;
  readonly #onAbort = (): void => this.end(cancelled());
  readonly #lanes: HopLane[] = [];
  readonly #calls = new Set<Call>();
  #lanesToOpen: number;
  #nextIndex = 0;
  #position = 0;
  #ended: DispatcherError | undefined;

  constructor(request: OpenChainRequest, signal: AbortSignal, listener: SessionListener) {
    this.#request = request;
    this.#signal = signal;
    this.#listener = listener;
    this.#lanesToOpen = request.hops.length;
  }

  start(connect: ConnectHop): void {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      for (const [h, hop] of this.#request.hops.entries()) {
        const lane = new HopLane(this.#request, hop, connect, {
          opened: () => this.#laneOpened(),
          answered: (step, hidden) => this.#answered(h, step as ChainStep, hidden),
          failed: (error) => this.end(error),
        });
        this.#lanes.push(lane);
      }
    } catch (error) {
      this.end(
        error instanceof DispatcherError
          ? error
          : new DispatcherError('DSP_INTERNAL', 'A stream could not be started.', { cause: error }),
      );
    }
  }

  forward(hidden: Float32Array, tokens: number, returnTokens: number): Promise<Float32Array> {
    const answer = new Promise<Float32Array>((resolve, reject) => {
      const problem = this.#ended ?? this.#refusalOf(hidden, tokens, returnTokens);
      if (problem !== undefined) throw problem;
      const { hiddenSize } = this.#request;
      const rowsPerStep = maxRowsPerStep(hiddenSize);
      const stepsLeft = Math.ceil(tokens / rowsPerStep);
      const call: Call = {
        resolve,
        reject,
        gathered: stepsLeft > 1 ? new Float32Array(returnTokens * hiddenSize) : undefined,
        filled: 0,
        stepsLeft,
      };
      this.#calls.add(call);
      for (let row = 0; row < tokens; row += rowsPerStep) {
        const rows = Math.min(rowsPerStep, tokens - row);
        const part = rows === tokens ? hidden : hidden.subarray(row * hiddenSize, (row + rows) * hiddenSize);
        this.#submit(part, rows, Math.max(0, Math.min(rows, row + rows - (tokens - returnTokens))), call);
      }
    });
    // A caller that awaits an earlier step, or has left, must not bring the process down with this one.
    answer.catch(() => {});
    return answer;
  }

  hopTimings(): readonly HopTiming[] {
    return this.#lanes.map((lane) => lane.timing());
  }

  close(): void {
    this.end(new DispatcherError('DSP_CANCELLED', 'The session was closed.'));
  }

  #submit(hidden: Float32Array, tokens: number, finalRows: number, call: Call): void {
    const step: ChainStep = {
      index: this.#nextIndex,
      position: this.#position,
      hidden,
      tokens,
      returnTokens: this.#rowsReturnedAt(0, tokens, finalRows),
      finalRows,
      call,
    };
    this.#nextIndex += 1;
    this.#position += tokens;
    this.#lanes[0]?.enqueue(step);
    this.#pump(0);
  }

  /** Every hop but the last one returns all rows, for the next one to work on. */
  #rowsReturnedAt(hop: number, tokens: number, finalRows: number): number {
    return hop === this.#lanes.length - 1 ? finalRows : tokens;
  }

  #pump(hop: number): void {
    this.#lanes[hop]?.pump(this.#lanes[hop + 1]?.backlog ?? 0);
  }

  #laneOpened(): void {
    this.#lanesToOpen -= 1;
    if (this.#lanesToOpen === 0 && this.#ended === undefined) this.#listener.opened(this);
  }

  #answered(hop: number, step: ChainStep, hidden: Float32Array): void {
    if (this.#ended !== undefined) return;
    const next = this.#lanes[hop + 1];
    if (next === undefined) {
      this.#arrived(step.call, hidden);
    } else {
      next.enqueue({
        ...step,
        hidden,
        returnTokens: this.#rowsReturnedAt(hop + 1, step.tokens, step.finalRows),
      } as ChainStep);
      this.#pump(hop + 1);
    }
    // The answer, or a step that the next hop took, may have made room here and at the hop before.
    this.#pump(hop);
    this.#pump(hop - 1);
  }

  #arrived(call: Call, rows: Float32Array): void {
    call.stepsLeft -= 1;
    call.gathered?.set(rows, call.filled);
    call.filled += rows.length;
    if (call.stepsLeft > 0) return;
    this.#calls.delete(call);
    call.resolve(call.gathered ?? rows);
  }

  /** The one way out: every stream is closed, every caller told, once. */
  end(error: DispatcherError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#signal.removeEventListener('abort', this.#onAbort);
    for (const lane of this.#lanes) lane.close();
    for (const call of this.#calls) call.reject(error);
    this.#calls.clear();
    this.#listener.ended();
    if (this.#lanesToOpen > 0) this.#listener.refused(error);
  }

  /** Why a step cannot be accepted. Nothing was sent, so the session goes on. */
  #refusalOf(hidden: Float32Array, tokens: number, returnTokens: number): DispatcherError | undefined {
    const { hiddenSize, maxTokens } = this.#request;
    if (!Number.isInteger(tokens) || tokens < 1 || hidden.length !== tokens * hiddenSize) {
      return invalid(`hidden has ${hidden.length} values in place of ${tokens} x ${hiddenSize}`);
    }
    if (!Number.isInteger(returnTokens) || returnTokens < 0 || returnTokens > tokens)
      return invalid(`returnTokens must be 0 to ${tokens}, not ${returnTokens}`);
    if (!isFinite32(hidden)) return invalid('hidden has a value that is NaN or infinite');
    if (this.#calls.size >= MAX_STEPS_UNDER_WAY) return invalid(`${MAX_STEPS_UNDER_WAY} steps are under way already`);
    if (this.#position + tokens > maxTokens) {
      return new DispatcherError(
        'DSP_CONTEXT_TOO_LONG',
        `The step would end at position ${this.#position + tokens}; the session has reserved ${maxTokens}.`,
      );
    }
    return undefined;
  }
}

function problemOf({ sessionId, hiddenSize, hops, maxTokens, stepTimeoutMs }: OpenChainRequest): string | undefined {
  if (sessionId.length < 1 || sessionId.length > 64) return 'sessionId must have 1 to 64 characters.';
  if (hops.length < 1) return 'hops must name at least one server.';
  if (!Number.isInteger(maxTokens) || maxTokens < 1) return 'maxTokens must be an integer of at least 1.';
  if (!(stepTimeoutMs > 0)) return 'stepTimeoutMs must be above 0.';
  if (!Number.isInteger(hiddenSize) || hiddenSize < 1 || maxRowsPerStep(hiddenSize) < 1)
    return 'hiddenSize must be at least 1, and one row must fit a message of 1 MiB.';
  return undefined;
}

function invalid(problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${problem}.`);
}

function transportClosed(): DispatcherError {
  return new DispatcherError('DSP_SERVER_LOST', 'The connections to the servers were closed.');
}

function cancelled(): DispatcherError {
  return new DispatcherError('DSP_CANCELLED', 'The request was cancelled.');
}
