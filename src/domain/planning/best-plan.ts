import { createRng } from '../shared/rng.ts';
import type { CandidateInput } from './candidate-plans.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { placeRest } from './layered-placement.ts';
import type { Improvement } from './neighbourhood-search.ts';
import { improvePlacement } from './neighbourhood-search.ts';
import type { PlanJudge } from './plan-judge.ts';
import { searchOnGrid } from './reservation-grid.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';
import { serviceRate } from './response-time-bounds.ts';
import type { ScreenedPlan, Shortlist } from './shortlist.ts';
import { makeShortlist } from './shortlist.ts';

/** Share of the estimates that compares whole plans. */
const COMPARING_SHARE = 0.5;
/** Plans within this of the best are as fast for all that anybody could notice: it does not show in three digits. */
const AS_FAST = 1.0004;
/** More plans than this are told apart by estimates first, which keep those within a margin. */
const FINALISTS = 6;
const ESTIMATE_MARGIN = 1.04;
/** How loosely the best few plans are annealed, one by one, each with an equal share of the screenings. */
const LOOSENESS = [0.02, 0.05, 0.05];

/**
 * The best plan of some placements over all reservations. Where there are several to choose from, the
 * best ones are improved beyond them, and the last choice, with all care, is between what came out of
 * that and the best of each placement on its own: an estimate that strayed cannot make the plan worse than those.
 */
export function findBestPlan(input: CandidateInput, judge: PlanJudge): ReservedPlan | undefined {
  const { screen } = judge;
  if (screen === undefined) return searchByEstimates(input, judge);
  const list = makeShortlist(input, judge, screen);
  const [best] = list.best;
  if (best === undefined) return list.fastest;
  const own = list.ofPolicies.filter((one) => mayBeBest(one, best, judge.screenError)).map(({ plan }) => plan);
  if (!best.isTrusted) {
    const estimated = searchByEstimates(input, judge) ?? best.plan;
    return bestAtLast([...judge.variants(estimated), ...own], judge);
  }
  if (input.policies.length === 1) return bestAtLast(own, judge);
  const improved = improveScreened(input, judge, screen, list);
  // What came of the best start is no worse than it: out of time, that must do.
  if (judge.isSpent?.() === true) return improved[0];
  return withIdleServers(input.swarm, bestAtLast([...improved, best.plan, ...own], judge), judge);
}

/** Whether a plan could turn out better than the one of smallest quick value. @param error share that a quick value is off at most */
function mayBeBest({ seconds, isTrusted }: ScreenedPlan, best: ScreenedPlan, error: number): boolean {
  return !isTrusted || seconds * (1 - error) <= best.seconds * (1 + error);
}

/** Annealing from the best few plans, by their quick values. */
function improveScreened(
  { swarm, arrivalRatePerSecond, maxLoad }: CandidateInput,
  judge: PlanJudge,
  screen: NonNullable<PlanJudge['screen']>,
  { best, mostPromising }: Shortlist,
): ReservedPlan[] {
  const starts = new Set([
    ...best.slice(0, LOOSENESS.length - 1),
    ...(mostPromising === undefined ? [] : [mostPromising]),
  ]);
  return [...starts].map(({ plan: start, variant }, at) => {
    const isOverloaded = (plan: ReservedPlan): boolean => arrivalRatePerSecond > maxLoad * serviceRate(plan.chains);
    const mayOverload = isOverloaded(start);
    const improvement: Improvement = {
      value: (plan) => {
        const limited = plan === start ? plan : judge.variants(plan)[variant];
        if (limited === undefined || limited.chains.length === 0) return undefined;
        if (!mayOverload && isOverloaded(limited)) return undefined;
        const { seconds, isTrusted } = screen(limited.chains);
        return isTrusted ? seconds : undefined;
      },
      respectsServiceTime: judge.respectsServiceTime,
      budget: Math.floor(judge.screenings / LOOSENESS.length),
      isSpent: () => judge.isSpent?.() === true,
      looseness: LOOSENESS[at] ?? 0,
    };
    const improved = improvePlacement(swarm, start, improvement, createRng(at + 1, 'placement'));
    return improved === start ? start : (judge.variants(improved)[variant] ?? improved);
  });
}

/** The search without a quick look to trust: a coarse grid of reservations, then small changes that are never for the worse. */
function searchByEstimates(input: CandidateInput, judge: PlanJudge): ReservedPlan | undefined {
  const found = searchOnGrid(input, judge, Math.ceil(COMPARING_SHARE * judge.budget));
  if (found === undefined) return undefined;
  if (input.policies.length === 1) return found.plan;
  const improvement: Improvement = {
    value: (plan, uselessFromSeconds) => judge.value(plan.chains, uselessFromSeconds),
    respectsServiceTime: judge.respectsServiceTime,
    budget: judge.budget - found.judged,
    isSpent: () => judge.isSpent?.() === true,
    looseness: 0,
  };
  const improved = improvePlacement(input.swarm, found.plan, improvement, createRng(1, 'placement'));
  return judge.isSpent?.() === true ? improved : bestAtLast([improved, ...found.rivals], judge);
}

/**
 * The best of a few plans by the careful value: estimates that led here may have strayed. Of plans that are
 * as fast it takes the one that serves most, since real requests come more together than planned for.
 */
function bestAtLast(plans: readonly ReservedPlan[], judge: PlanJudge): ReservedPlan | undefined {
  let bestValue = Number.POSITIVE_INFINITY;
  const valued = finalists([...new Set(plans)], judge).map((plan) => {
    const value = judge.finalValue(plan.chains, AS_FAST * bestValue) ?? Number.POSITIVE_INFINITY;
    bestValue = Math.min(bestValue, value);
    return { plan, value };
  });
  const asFast = valued.filter(({ value }) => value <= AS_FAST * bestValue).map(({ plan }) => plan);
  const [first, ...others] = asFast;
  return (
    first && others.reduce((most, plan) => (serviceRate(plan.chains) > serviceRate(most.chains) ? plan : most), first)
  );
}

function finalists(plans: readonly ReservedPlan[], judge: PlanJudge): readonly ReservedPlan[] {
  if (plans.length <= FINALISTS) return plans;
  const estimated = plans.map((plan) => ({ plan, value: judge.value(plan.chains) ?? Number.POSITIVE_INFINITY }));
  const best = estimated.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  return estimated.filter(({ value }) => value <= ESTIMATE_MARGIN * best).map(({ plan }) => plan);
}

/** The plan with GBP-CR's spans for the servers that it leaves idle, where that makes it no slower: room for when more comes at once. */
function withIdleServers(
  swarm: IndexedSwarm,
  plan: ReservedPlan | undefined,
  judge: PlanJudge,
): ReservedPlan | undefined {
  if (plan === undefined || plan.placement.blockCount.every((count) => count > 0)) return plan;
  const taken = new Set([...plan.placement.blockCount.keys()].filter((j) => (plan.placement.blockCount[j] ?? 0) > 0));
  const { firstBlock, blockCount } = placeRest(swarm, taken, plan.reservedSlots);
  for (const j of taken) {
    firstBlock[j] = plan.placement.firstBlock[j] ?? 0;
    blockCount[j] = plan.placement.blockCount[j] ?? 0;
  }
  const filled = composePlacement(swarm, { firstBlock, blockCount }, plan.reservedSlots);
  return filled === undefined ? plan : bestAtLast([plan, filled], judge);
}
