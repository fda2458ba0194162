import {
  type ChainSession,
  type HopFailure,
  type HopReplacement,
  type HopTiming,
  MAX_STEPS_UNDER_WAY,
  type OpenChainRequest,
} from '../../application/ports/chain-transport.ts';
import type { Clock } from '../../application/ports/clock.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { maxRowsPerStep } from '../wire/limits.ts';
import { isFinite32 } from '../wire/tensor.ts';
import { CallQueue } from './call-queue.ts';
import { type HopHistory, KeptHistory, RecalledHistory } from './hop-history.ts';
import { HopLane, type HopLaneParts, type LaneStep } from './hop-lane.ts';
import type { ConnectHop } from './hop-link.ts';
import { replacementProblem, replayOf } from './hop-replay.ts';

export interface SessionListener {
  opened(session: ChainSession): void;
  refused(error: DispatcherError): void;
  ended(): void;
}

/** New hops whose caches are not all reserved yet. */
interface Opening {
  readonly lanes: ReadonlySet<HopLane>;
  left: number;
  readonly resolve: () => void;
  readonly reject: (error: DispatcherError) => void;
}

/**
 * A session over the hops of a chain. Each hop has a lane with the steps it was given; an answer moves
 * its step to the next lane. With `recovery`, a lane that fails keeps its steps until other hops take
 * its place: they are fed the inputs that the lost ones had answered, drop the answers that were passed
 * on already, and then take over the steps. A position is thus passed on exactly once.
 */
export class PipelinedSession implements ChainSession {
  readonly #request: OpenChainRequest;
  readonly #signal: AbortSignal;
  readonly #parts: { readonly connect: ConnectHop; readonly clock: Clock };
  readonly #listener: SessionListener;
  readonly #onAbort = (): void => this.end(cancelled());
  readonly #lanes: HopLane[] = [];
  readonly #calls: CallQueue;
  #opening: Opening | undefined;
  #isOpen = false;
  #position = 0;
  #ended: DispatcherError | undefined;

  constructor(
    request: OpenChainRequest,
    signal: AbortSignal,
    parts: { readonly connect: ConnectHop; readonly clock: Clock },
    listener: SessionListener,
  ) {
    this.#request = request;
    this.#calls = new CallQueue(request.hiddenSize);
    this.#signal = signal;
    this.#parts = parts;
    this.#listener = listener;
  }

  start(): void {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    const { hops, recovery } = this.#request;
    const lanes = hops.map((hop, h) => {
      const history =
        recovery === undefined || h > 0
          ? this.#newHistory()
          : new RecalledHistory((position, tokens) => recovery.firstInputs(position, tokens));
      return this.#newLane(this.#request, hop, { history, passedOn: 0, replay: () => undefined });
    });
    this.#lanes.push(...lanes);
    this.#awaitOpening(lanes).then(
      () => {
        this.#isOpen = true;
        this.#listener.opened(this);
      },
      (error) => this.#listener.refused(error),
    );
  }

  forward(hidden: Float32Array, tokens: number, returnTokens: number): Promise<Float32Array> {
    const problem = this.#ended ?? this.#refusalOf(hidden, tokens, returnTokens);
    if (problem !== undefined) return Promise.reject(problem);
    const { hiddenSize } = this.#request;
    const answer = this.#calls.add(this.#position, tokens, returnTokens);
    const rowsPerStep = maxRowsPerStep(hiddenSize);
    for (let row = 0; row < tokens; row += rowsPerStep) {
      const rows = Math.min(rowsPerStep, tokens - row);
      const part = rows === tokens ? hidden : hidden.subarray(row * hiddenSize, (row + rows) * hiddenSize);
      this.#lanes[0]?.enqueue({ position: this.#position, tokens: rows, hidden: part });
      this.#position += rows;
      this.#pump(0);
    }
    // A caller that awaits an earlier step, or has left, must not bring the process down with this one.
    answer.catch(() => {});
    this.#tellSuspended();
    return answer;
  }

  hopTimings(): readonly HopTiming[] {
    return this.#lanes.map((lane) => lane.timing());
  }

  failures(): readonly HopFailure[] {
    if (this.#ended !== undefined || this.#request.recovery === undefined) return [];
    return this.#lanes.flatMap((lane, index) =>
      lane.failure === undefined ? [] : [{ index, serverId: lane.hop.serverId, error: lane.failure }],
    );
  }

  replayableFrom(index: number): number {
    for (let h = index; h > 0; h -= 1) if (this.#lanes[h]?.history?.isComplete === true) return h;
    return 0;
  }

  abandon(index: number, error: DispatcherError): void {
    if (this.#ended !== undefined || this.#request.recovery === undefined) return;
    this.#lanes[index]?.detach(error);
    this.#tellSuspended();
  }

  detach(): void {
    if (this.#ended !== undefined || this.#request.recovery === undefined) return;
    const released = new DispatcherError('DSP_CANCELLED', 'The hops were let go.');
    for (const [h, lane] of this.#lanes.entries()) {
      lane.detach(released);
      if (h > 0) lane.history?.drop();
    }
    this.#failOpening(released);
  }

  async replaceHops(first: number, count: number, replacement: HopReplacement): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const { recovery } = this.#request;
    const old = this.#lanes.slice(first, first + count);
    const [head] = old;
    const history = head?.history;
    const problem = replacementProblem(old, replacement.hops, this.#opening !== undefined);
    if (recovery === undefined || problem !== undefined || history === undefined)
      throw invalid(problem ?? 'the session was opened without recovery');
    const passedOn = (old.at(-1) as HopLane).passedOn;
    // What had got beyond the first lane is in its history; the rest it still holds.
    const steps = head?.takeSteps() ?? [];
    const replacedBy = new DispatcherError('DSP_CANCELLED', 'The hop was replaced.');
    for (const lane of old) {
      lane.detach(replacedBy);
      if (lane !== head) lane.history?.drop();
    }
    // A replay is no prompt: how a transport carries that does not apply.
    const { prompt: _, ...general } = this.#request;
    const request = { ...general, ...replacement };
    const maxRows = Math.min(recovery.replayTokens, maxRowsPerStep(request.hiddenSize));
    const lastNew = replacement.hops.length - 1;
    const lanes = replacement.hops.map((hop, i) =>
      this.#newLane(request, hop, {
        history: i === 0 ? history : this.#newHistory(),
        passedOn: i === lastNew ? passedOn : 0,
        replay: i === 0 ? replayOf(history, maxRows) : () => undefined,
      }),
    );
    this.#lanes.splice(first, count, ...lanes);
    for (const step of steps) lanes[0]?.enqueue(step);
    this.#pump(first - 1);
    await this.#awaitOpening(lanes);
    this.#tellSuspended();
  }

  close(): void {
    this.end(new DispatcherError('DSP_CANCELLED', 'The session was closed.'));
  }

  /** The one way out: every stream is closed, every caller told, once. */
  end(error: DispatcherError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#signal.removeEventListener('abort', this.#onAbort);
    for (const lane of this.#lanes) {
      lane.close();
      lane.history?.drop();
    }
    this.#calls.rejectAll(error);
    this.#listener.ended();
    this.#failOpening(error);
  }

  #newHistory(): HopHistory | undefined {
    const { recovery, hiddenSize, maxTokens } = this.#request;
    return recovery === undefined ? undefined : new KeptHistory(recovery.memory, hiddenSize, maxTokens);
  }

  #newLane(
    request: OpenChainRequest,
    hop: OpenChainRequest['hops'][number],
    parts: Pick<HopLaneParts, 'history' | 'passedOn' | 'replay'>,
  ): HopLane {
    const lane: HopLane = new HopLane(
      request,
      hop,
      { ...parts, ...this.#parts, rowsWanted: (step) => this.#rowsWanted(lane, step) },
      {
        opened: () => this.#laneOpened(lane),
        answered: (step, hidden) => this.#answered(lane, step, hidden),
        failed: (error) => this.#laneFailed(lane, error),
      },
    );
    return lane;
  }

  /** Every hop but the last one returns all rows, for the next one to work on. */
  #rowsWanted(lane: HopLane, { position, tokens }: LaneStep): number {
    return lane === this.#lanes.at(-1) ? this.#calls.rowsWanted(position, tokens) : tokens;
  }

  #pump(hop: number): void {
    this.#lanes[hop]?.pump(this.#lanes[hop + 1]?.backlog ?? 0);
  }

  #answered(lane: HopLane, { position, tokens }: LaneStep, hidden: Float32Array | undefined): void {
    if (this.#ended !== undefined) return;
    const hop = this.#lanes.indexOf(lane);
    const next = this.#lanes[hop + 1];
    if (hidden !== undefined && next !== undefined) {
      next.enqueue({ position, tokens, hidden });
      this.#pump(hop + 1);
    } else if (hidden !== undefined) {
      this.#calls.deliver(position + tokens, hidden);
    }
    // The answer, or a step that the next hop took, may have made room here and at the hop before.
    this.#pump(hop);
    this.#pump(hop - 1);
  }

  #awaitOpening(lanes: readonly HopLane[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { lanes: new Set(lanes), left: lanes.length, resolve, reject };
    });
  }

  #laneOpened(lane: HopLane): void {
    const opening = this.#opening;
    if (opening?.lanes.has(lane) === true) {
      opening.left -= 1;
      if (opening.left === 0) {
        this.#opening = undefined;
        opening.resolve();
      }
    }
    this.#pump(this.#lanes.indexOf(lane));
  }

  #failOpening(error: DispatcherError): void {
    const opening = this.#opening;
    this.#opening = undefined;
    opening?.reject(error);
  }

  #laneFailed(lane: HopLane, error: DispatcherError): void {
    if (this.#ended !== undefined) return;
    if (!this.#isOpen || this.#request.recovery === undefined) this.end(error);
    else if (this.#opening?.lanes.has(lane) === true) this.#failOpening(error);
    else this.#tellSuspended();
  }

  /** A caller waits, a hop is lost, and nobody is replacing it yet. */
  #tellSuspended(): void {
    if (this.#calls.length === 0 || this.#opening !== undefined || this.failures().length === 0) return;
    this.#request.recovery?.suspended();
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
    if (this.#calls.length >= MAX_STEPS_UNDER_WAY) return invalid(`${MAX_STEPS_UNDER_WAY} steps are under way already`);
    if (this.#position + tokens > maxTokens) {
      return new DispatcherError(
        'DSP_CONTEXT_TOO_LONG',
        `The step would end at position ${this.#position + tokens}; the session has reserved ${maxTokens}.`,
      );
    }
    return undefined;
  }
}

function invalid(problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${problem}.`);
}

function cancelled(): DispatcherError {
  return new DispatcherError('DSP_CANCELLED', 'The request was cancelled.');
}
