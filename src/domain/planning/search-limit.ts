import type { PlanJudge } from './plan-judge.ts';

/** How much a search for a plan may cost. */
export interface SearchLimit {
  /** Plans that may be judged, >= 1; beside each, `LOOKS_PER_EVALUATION` may be looked at quickly. */
  readonly evaluations: number;
  /** Asked before each of them; true ends the search with the best plan so far. A constant `false` keeps it deterministic. */
  readonly isOver: () => boolean;
}

/** Quick looks at plans that cost about as much as judging one. */
const LOOKS_PER_EVALUATION = 100;

/** A judge that counts what it is asked, and finds every plan useless once time is up. */
export interface LimitedJudge extends PlanJudge {
  /** Plans that were judged or looked at. */
  readonly evaluations: () => number;
  /** Whether time ended the search, rather than the number of plans. */
  readonly isCutShort: () => boolean;
}

/**
 * Without a limit the judge's own budget holds. The first value is always computed, since a search needs
 * somewhere to start; so are the final ones, of which there are few.
 */
export function limitJudge(judge: PlanJudge, limit?: SearchLimit): LimitedJudge {
  let evaluations = 0;
  let isCutShort = false;
  const value: PlanJudge['value'] = (chains, uselessFromSeconds) => {
    if (evaluations > 0 && limit?.isOver() === true) isCutShort = true;
    if (isCutShort) return undefined;
    evaluations += 1;
    return judge.value(chains, uselessFromSeconds);
  };
  const finalValue: PlanJudge['value'] = (chains, uselessFromSeconds) => {
    evaluations += 1;
    return judge.finalValue(chains, uselessFromSeconds);
  };
  const screen: PlanJudge['screen'] = (chains) => {
    if (evaluations > 0 && limit?.isOver() === true) isCutShort = true;
    if (isCutShort) return { seconds: undefined, isTrusted: false };
    evaluations += 1;
    return judge.screen?.(chains) ?? { seconds: undefined, isTrusted: false };
  };
  const looks = limit === undefined ? judge.screenings : LOOKS_PER_EVALUATION * limit.evaluations;
  return {
    ...(judge.screen === undefined ? {} : { screen }),
    screenings: Math.min(judge.screenings, looks),
    screenError: judge.screenError,
    variants: judge.variants,
    value,
    finalValue,
    respectsServiceTime: judge.respectsServiceTime,
    budget: Math.min(judge.budget, limit?.evaluations ?? judge.budget),
    isSpent: () => isCutShort,
    evaluations: () => evaluations,
    isCutShort: () => isCutShort,
  };
}
