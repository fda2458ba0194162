import type { PlanQuestion, SearchQuestion } from '../application/ports/planner.ts';
import type { LiveLook } from '../domain/planning/live-look.ts';

/** How much one search may cost. */
export interface SearchBudget {
  /** Plans that may be judged, >= 1. */
  readonly evaluations: number;
  /** Time after which the best plan so far has to do, ms > 0. */
  readonly timeMs: number;
}

/** What a planning thread is asked; see `Planner`. */
export type PlanningRequest =
  /** First of all. A background thread gives way to others where the system knows such threads. */
  { readonly kind: 'start'; readonly isBackground: boolean } | PlanningQuestion;

export type PlanningQuestion =
  | { readonly kind: 'look'; readonly look: LiveLook }
  | { readonly kind: 'search'; readonly question: SearchQuestion; readonly budget: SearchBudget }
  | { readonly kind: 'ask'; readonly question: PlanQuestion; readonly budget: SearchBudget };
