import type { Clock } from '../application/ports/clock.ts';
import type {
  Planner,
  PlannerAnswer,
  PlannerFailure,
  PlanQuestion,
  SearchQuestion,
} from '../application/ports/planner.ts';
import type { PlanningResult } from '../domain/model/plan.ts';
import type { LiveLook, LookOutcome } from '../domain/planning/live-look.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { invariant } from '../domain/shared/invariant.ts';
import type { PlanningQuestion, SearchBudget } from './planning-messages.ts';
import { PlanningThread, type ThreadAnswer } from './planning-thread.ts';

export interface ThreadPlannerOptions {
  readonly clock: Clock;
  /** What a search, or an operator's question, may cost. */
  readonly budget: SearchBudget;
  /** A computation that takes longer is given up, ms > 0. */
  readonly timeLimitMs: number;
  readonly onFailure: (thread: string, cause: PlannerFailure, reason: string) => void;
  /** Where the worker is; by default the product's. */
  readonly module?: URL;
}

/** Questions of operators that may wait. */
const MAX_QUESTIONS = 4;

/**
 * Plans in two threads, so that a look, on which lost coverage waits, never queues behind a search of seconds.
 * The second thread is started when it is first needed.
 */
export class ThreadPlanner implements Planner {
  readonly #looks: PlanningThread;
  readonly #searches: PlanningThread;
  readonly #budget: SearchBudget;
  /** Rejects the questions that wait. */
  readonly #asked = new Set<(error: DispatcherError) => void>();

  constructor(options: ThreadPlannerOptions) {
    const { clock, timeLimitMs, budget } = options;
    const thread = (name: string, isBackground: boolean, queueLimit: number): PlanningThread =>
      new PlanningThread({
        name,
        isBackground,
        queueLimit,
        timeLimitMs,
        clock,
        onFailure: (cause, reason) => options.onFailure(name, cause, reason),
        ...(options.module === undefined ? {} : { module: options.module }),
      });
    this.#budget = budget;
    this.#looks = thread('planning', false, 0);
    this.#searches = thread('plan search', true, 1 + MAX_QUESTIONS);
    this.#looks.warmUp();
  }

  look(look: LiveLook, answer: (answer: PlannerAnswer) => void): void {
    this.#compute(this.#looks, { kind: 'look', look }, answer);
  }

  search(question: SearchQuestion, answer: (answer: PlannerAnswer) => void): void {
    this.#compute(this.#searches, { kind: 'search', question, budget: this.#budget }, answer);
  }

  ask(question: PlanQuestion): Promise<PlanningResult> {
    const { promise, resolve, reject } = Promise.withResolvers<PlanningResult>();
    const isTaken = this.#searches.compute({ kind: 'ask', question, budget: this.#budget }, (answer) => {
      this.#asked.delete(reject);
      if (answer.kind === 'done') resolve(answer.value as PlanningResult);
      else reject(new DispatcherError(CODE_OF[answer.cause], `no plan was made: ${answer.reason}`));
    });
    if (isTaken) this.#asked.add(reject);
    else {
      const problem = 'too many questions about plans wait already: ask again in a few seconds';
      reject(new DispatcherError('DSP_RATE_LIMITED', problem, { retryAfterMs: 5_000 }));
    }
    return promise;
  }

  async close(): Promise<void> {
    const closed = Promise.all([this.#looks.close(), this.#searches.close()]);
    for (const reject of this.#asked) reject(new DispatcherError('DSP_DRAINING', 'this dispatcher is shutting down'));
    this.#asked.clear();
    await closed;
  }

  #compute(thread: PlanningThread, question: PlanningQuestion, answer: (answer: PlannerAnswer) => void): void {
    const isTaken = thread.compute(question, (result) => answer(told(result)));
    invariant(isTaken, 'the planner is asked for one look and one search at a time, and not after it was closed');
  }
}

const CODE_OF = { crashed: 'DSP_INTERNAL', timed_out: 'DSP_DEADLINE_EXCEEDED' } as const;

function told(result: ThreadAnswer): PlannerAnswer {
  if (result.kind === 'failed') return result;
  return { kind: 'done', outcome: result.value as LookOutcome, seconds: result.seconds };
}
