import type { Planner, PlannerAnswer, PlanQuestion, SearchQuestion } from '../application/ports/planner.ts';
import type { PlanningResult } from '../domain/model/plan.ts';
import type { LiveLook, LookOutcome } from '../domain/planning/live-look.ts';
import { answerPlanning } from './answer-planning.ts';

/**
 * Plans in the caller's own thread, at once: for simulated time, where equal questions must get equal
 * answers and nothing takes any time.
 */
export class InlinePlanner implements Planner {
  readonly #evaluations: number;

  /** @param evaluations plans that one search may judge, >= 1 */
  constructor(evaluations: number) {
    this.#evaluations = evaluations;
  }

  look(look: LiveLook, answer: (answer: PlannerAnswer) => void): void {
    answer({ kind: 'done', outcome: answerPlanning({ kind: 'look', look }, timeless) as LookOutcome, seconds: 0 });
  }

  search(question: SearchQuestion, answer: (answer: PlannerAnswer) => void): void {
    const outcome = answerPlanning({ kind: 'search', question, budget: this.#budget() }, timeless) as LookOutcome;
    answer({ kind: 'done', outcome, seconds: 0 });
  }

  async ask(question: PlanQuestion): Promise<PlanningResult> {
    return answerPlanning({ kind: 'ask', question, budget: this.#budget() }, timeless) as PlanningResult;
  }

  async close(): Promise<void> {}

  #budget(): { evaluations: number; timeMs: number } {
    return { evaluations: this.#evaluations, timeMs: 1 };
  }
}

function timeless(): number {
  return 0;
}
