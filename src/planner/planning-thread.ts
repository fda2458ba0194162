import type { Clock } from '../application/ports/clock.ts';
import type { PlannerFailure } from '../application/ports/planner.ts';
import { siblingModule, WorkerClient } from '../language-model/runtime/worker-client.ts';
import type { PlanningQuestion, PlanningRequest } from './planning-messages.ts';

export interface PlanningThreadOptions {
  /** For messages. */
  readonly name: string;
  readonly isBackground: boolean;
  /** A computation that takes longer is given up, and its thread ended: ms > 0. */
  readonly timeLimitMs: number;
  /** Questions that may wait behind the one that is being computed, >= 0. */
  readonly queueLimit: number;
  readonly clock: Clock;
  /** Told of each failure, also of a thread that died while it had nothing to do. */
  readonly onFailure: (cause: PlannerFailure, reason: string) => void;
  /** Where the worker is; by default the product's. */
  readonly module?: URL;
}

export type ThreadAnswer =
  | { readonly kind: 'done'; readonly value: unknown; readonly seconds: number }
  | { readonly kind: 'failed'; readonly cause: PlannerFailure; readonly reason: string };

interface Computation {
  readonly question: PlanningQuestion;
  readonly answer: (answer: ThreadAnswer) => void;
}

/** After a failure nothing is computed for so long, twice as long with each further one in a row. */
const FIRST_BACK_OFF_MS = 100;
const LAST_BACK_OFF_MS = 30_000;

/**
 * A thread that computes plans, one at a time, in the order they were asked for. When it dies or takes too
 * long, the computation has failed; what waits is computed by another thread, started after a pause.
 */
export class PlanningThread {
  readonly #options: PlanningThreadOptions;
  readonly #queue: Computation[] = [];
  #client: WorkerClient<PlanningRequest> | undefined;
  #running: Computation | undefined;
  #failuresInARow = 0;
  #cancelBackOff: (() => void) | undefined;
  #isClosed = false;

  constructor(options: PlanningThreadOptions) {
    this.#options = options;
  }

  /** @returns false: too many wait, or it is closed; then nothing is answered */
  compute(question: PlanningQuestion, answer: (answer: ThreadAnswer) => void): boolean {
    const waiting = this.#running === undefined ? this.#queue.length - 1 : this.#queue.length;
    if (this.#isClosed || waiting >= this.#options.queueLimit) return false;
    this.#queue.push({ question, answer });
    this.#next();
    return true;
  }

  /** Starts the thread before there is anything to do, so that the first question need not wait for that. */
  warmUp(): void {
    this.#open();
  }

  /** Nothing is answered any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#running = undefined;
    this.#cancelBackOff?.();
    await this.#client?.close(0);
  }

  #next(): void {
    if (this.#running !== undefined || this.#cancelBackOff !== undefined) return;
    const computation = this.#queue.shift();
    if (computation === undefined) return;
    this.#running = computation;
    const { clock, timeLimitMs } = this.#options;
    const startedMs = clock.nowMs();
    const cancelTimer = clock.setTimer(timeLimitMs, () => {
      this.#drop();
      end({ kind: 'failed', cause: 'timed_out', reason: `it took more than ${timeLimitMs / 1000} s` });
    });
    const end = (answer: ThreadAnswer): void => {
      cancelTimer();
      if (this.#running !== computation) return;
      this.#running = undefined;
      if (answer.kind === 'failed') this.#failed(answer.cause, answer.reason);
      else this.#failuresInARow = 0;
      computation.answer(answer);
      this.#next();
    };
    this.#open()
      .call(computation.question)
      .then(
        (value) => end({ kind: 'done', value, seconds: (clock.nowMs() - startedMs) / 1000 }),
        (error: Error) => end({ kind: 'failed', cause: 'crashed', reason: error.message }),
      );
  }

  #open(): WorkerClient<PlanningRequest> {
    if (this.#client !== undefined) return this.#client;
    const { name, isBackground, module = siblingModule(import.meta.url, 'planning-worker') } = this.#options;
    const client = new WorkerClient<PlanningRequest>(module, name, (error) => {
      if (this.#client === client) this.#client = undefined;
      if (this.#running === undefined) this.#failed('crashed', error.message);
    });
    client.post({ kind: 'start', isBackground });
    this.#client = client;
    return client;
  }

  /** Ends a thread that does not answer. */
  #drop(): void {
    void this.#client?.close(0);
    this.#client = undefined;
  }

  #failed(cause: PlannerFailure, reason: string): void {
    if (this.#isClosed) return;
    this.#options.onFailure(cause, reason);
    const pauseMs = Math.min(LAST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** this.#failuresInARow);
    this.#failuresInARow += 1;
    this.#cancelBackOff?.();
    this.#cancelBackOff = this.#options.clock.setTimer(pauseMs, () => {
      this.#cancelBackOff = undefined;
      this.#next();
    });
  }
}
