import type { PredictionTerms } from '../application/ports/planner.ts';
import type { PlanningResult } from '../domain/model/plan.ts';
import { type LookOutcome, lookAtPlan, searchForPlan } from '../domain/planning/live-look.ts';
import { makePlan } from '../domain/planning/make-plan.ts';
import type { ResponsePredictor } from '../domain/planning/response-predictor.ts';
import type { SearchLimit } from '../domain/planning/search-limit.ts';
import { createIndependentPredictor, createSharedComputePredictor } from '../simulation/response-predictor.ts';
import type { PlanningQuestion, SearchBudget } from './planning-messages.ts';

/**
 * Computes one answer. Equal questions get equal answers, unless time ends a search.
 * @param nowMs a monotonic clock; a constant one never ends a search early
 */
export function answerPlanning(question: PlanningQuestion, nowMs: () => number): LookOutcome | PlanningResult {
  switch (question.kind) {
    case 'look':
      return lookAtPlan(question.look);
    case 'search': {
      const { look, prediction } = question.question;
      return searchForPlan(look, limitOf(question.budget, nowMs), (rate) => predictorFor(prediction, rate));
    }
    case 'ask': {
      const { snapshot, prediction } = question.question;
      return makePlan({
        ...snapshot,
        predictor: predictorFor(prediction, snapshot.arrivalRatePerSecond),
        searchLimit: limitOf(question.budget, nowMs),
      });
    }
  }
}

function limitOf({ evaluations, timeMs }: SearchBudget, nowMs: () => number): SearchLimit {
  const endMs = nowMs() + timeMs;
  return { evaluations, isOver: () => nowMs() >= endMs };
}

function predictorFor(terms: PredictionTerms, arrivalRatePerSecond: number): ResponsePredictor {
  if (terms.serviceModel === 'independent') return createIndependentPredictor(arrivalRatePerSecond);
  return createSharedComputePredictor({ ...terms, arrivalRatePerSecond });
}
