import type { Planner, PlannerAnswer, PlanQuestion, SearchQuestion } from '../../src/application/ports/planner.ts';
import type { PlanningResult } from '../../src/domain/model/plan.ts';
import type { LiveLook } from '../../src/domain/planning/live-look.ts';
import { InlinePlanner } from '../../src/planner/inline-planner.ts';

/** A planner whose answers, computed when asked for, come when the test lets them. */
export class HeldPlanner implements Planner {
  readonly looks: LiveLook[] = [];
  readonly searches: SearchQuestion[] = [];
  readonly #inner = new InlinePlanner(20);
  readonly #heldLooks: (() => void)[] = [];
  readonly #heldSearches: (() => void)[] = [];

  get heldLooks(): number {
    return this.#heldLooks.length;
  }

  get heldSearches(): number {
    return this.#heldSearches.length;
  }

  look(look: LiveLook, answer: (answer: PlannerAnswer) => void): void {
    this.looks.push(look);
    this.#inner.look(look, (result) => this.#heldLooks.push(() => answer(result)));
  }

  search(question: SearchQuestion, answer: (answer: PlannerAnswer) => void): void {
    this.searches.push(question);
    this.#inner.search(question, (result) => this.#heldSearches.push(() => answer(result)));
  }

  ask(question: PlanQuestion): Promise<PlanningResult> {
    return this.#inner.ask(question);
  }

  async close(): Promise<void> {}

  /** The oldest look is answered; nothing happens where none waits. */
  answerLook(): void {
    this.#heldLooks.shift()?.();
  }

  answerSearch(): void {
    this.#heldSearches.shift()?.();
  }
}
