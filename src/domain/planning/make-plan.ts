import type { ModelShape } from '../model/model.ts';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective, PlanningResult } from '../model/plan.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { invariant } from '../shared/invariant.ts';
import { createRng } from '../shared/rng.ts';
import { placeBaseline } from './baselines/place-baseline.ts';
import type { SinglePlacement } from './candidate-plans.ts';
import { explainInfeasible, explainPlacement } from './explain-infeasible.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { indexSwarm, nameChains, namePlacement } from './indexed-swarm.ts';
import { improvePlacement } from './neighbourhood-search.ts';
import type { PlanJudge } from './plan-judge.ts';
import { judgeByBound, judgeByPrediction } from './plan-judge.ts';
import { searchOnGrid } from './reservation-grid.ts';
import { planForReservation, searchReservation } from './reservation-search.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { computeResponseBounds, serviceRate } from './response-time-bounds.ts';
import { limitJudge, type SearchLimit } from './search-limit.ts';
import { searchByBound } from './shortlist.ts';

/** All that a plan depends on. Callers sort the servers by id: the planner keeps their order for ties. */
export interface PlanningSnapshot {
  readonly model: ModelShape;
  /** lambda, jobs per second > 0. */
  readonly arrivalRatePerSecond: number;
  /** rho-bar: the largest load wanted, (0, 1]. */
  readonly maxLoad: number;
  readonly servers: readonly Server[];
  readonly placementPolicy: PlacementPolicy;
  /**
   * What the search for c minimises; of no meaning where `reservedSlots` is given. `predicted` needs a
   * predictor; `surrogate` is defined for the placements of GBP-CR alone.
   */
  readonly objective: PlanningObjective;
  /** c: given instead of searched. Integer >= 1. */
  readonly reservedSlots?: number | undefined;
  /** Spans, by server id, that must be taken as they are; each within the model and not empty. */
  readonly pinnedSpans?: ReadonlyMap<string, Span> | undefined;
  /** Predicts the mean response time of the plan made, and judges plans where the objective is `predicted`. */
  readonly predictor?: ResponsePredictor | undefined;
  /** How much `best` and `predicted` may cost, below what they would take by themselves. */
  readonly searchLimit?: SearchLimit | undefined;
}

/** A plan that was found, and what is to be told about how. */
interface Found {
  readonly plan: ReservedPlan;
  readonly objective: PlanningObjective | undefined;
  readonly missed?: string | undefined;
  readonly search?: FeasiblePlan['search'];
}

/**
 * Snapshot in, plan out: placement (GBP-CR, a baseline, or the best of all), chains with their slots
 * (GCA), and the mean response time to expect. Pure and deterministic: equal snapshots give equal plans.
 */
export function makePlan(snapshot: PlanningSnapshot): PlanningResult {
  invariant(snapshot.arrivalRatePerSecond > 0, 'the arrival rate is positive');
  invariant(snapshot.maxLoad > 0 && snapshot.maxLoad <= 1, 'the largest load lies in (0, 1]');
  const { reservedSlots, placementPolicy, objective } = snapshot;
  invariant(
    reservedSlots === undefined || (Number.isInteger(reservedSlots) && reservedSlots >= 1),
    'at least one slot is reserved',
  );
  const swarm = indexSwarm(snapshot.model, snapshot.servers, snapshot.pinnedSpans);
  if (placementPolicy === 'best') return describe(findBest(swarm, snapshot, ALL_PLACEMENTS), swarm, snapshot);
  if (placementPolicy !== 'gbp-cr' && placementPolicy !== 'gbp-cr-fill') {
    const baseline = placeBaseline(placementPolicy, swarm, snapshot.arrivalRatePerSecond, reservedSlots);
    const plan = composePlacement(swarm, baseline.placement, baseline.reservedSlots);
    if (plan === undefined) return { kind: 'infeasible', reason: explainPlacement(swarm, baseline) };
    return describe({ plan, objective: undefined }, swarm, snapshot);
  }
  const demand = { ...snapshot, placementPolicy };
  if (reservedSlots !== undefined) {
    const plan = planForReservation(swarm, demand, reservedSlots);
    return describe(plan && { plan, objective: undefined }, swarm, snapshot);
  }
  if (objective === 'predicted') return describe(findBest(swarm, snapshot, [placementPolicy]), swarm, snapshot);
  const found = searchReservation(swarm, demand, objective);
  if (found.kind === 'infeasible') return describe(undefined, swarm, snapshot);
  const missed = found.kind === 'fastest' && objective === 'surrogate' ? missedTarget(snapshot) : undefined;
  return describe({ plan: found.plan, objective, missed }, swarm, snapshot);
}

const ALL_PLACEMENTS: readonly SinglePlacement[] = ['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'jffc-only'];
/** Share of the budget that compares whole plans. */
const COMPARING_SHARE = 0.5;
/** Plans within this of the best are as fast for all that a prediction can tell. */
const AS_FAST = 1.002;

/**
 * The best plan of some placements over all reservations. Where there are several to choose from, the
 * best is improved beyond them with what is left of the budget.
 */
function findBest(
  swarm: IndexedSwarm,
  snapshot: PlanningSnapshot,
  policies: readonly SinglePlacement[],
): Found | undefined {
  const { objective } = snapshot;
  const judge = limitJudge(judgeOf(swarm, snapshot), snapshot.searchLimit);
  const input = { ...snapshot, swarm, policies, reservedSlots: snapshot.reservedSlots };
  const budget = Math.ceil(COMPARING_SHARE * judge.budget);
  const found = judge.respectsServiceTime ? searchByBound(input, judge, budget) : searchOnGrid(input, judge, budget);
  if (found === undefined) return undefined;
  const told = (plan: ReservedPlan): Found => ({
    plan,
    objective,
    search: { evaluations: judge.evaluations(), isCutShort: judge.isCutShort() },
  });
  if (policies.length === 1) return told(found.plan);
  const left = judge.budget - found.judged;
  const improved = improvePlacement(swarm, found.plan, judge, left, createRng(1, 'placement'));
  return told(judge.isCutShort() ? improved : bestAtLast([improved, ...found.rivals], judge));
}

/**
 * The best of a few plans by the careful value: estimates that led here may have strayed. Of plans that are
 * practically as fast it takes the one that serves most, since real requests come more together than planned for.
 */
function bestAtLast(plans: readonly [ReservedPlan, ...ReservedPlan[]], judge: PlanJudge): ReservedPlan {
  let bestValue = Number.POSITIVE_INFINITY;
  const valued = plans.map((plan) => {
    const value = judge.finalValue(plan.chains, AS_FAST * bestValue) ?? Number.POSITIVE_INFINITY;
    bestValue = Math.min(bestValue, value);
    return { plan, value };
  });
  const asFast = valued.filter(({ value }) => value <= AS_FAST * bestValue).map(({ plan }) => plan);
  return asFast.reduce((most, plan) => (serviceRate(plan.chains) > serviceRate(most.chains) ? plan : most));
}

function judgeOf(swarm: IndexedSwarm, snapshot: PlanningSnapshot): PlanJudge {
  const { objective, predictor } = snapshot;
  invariant(objective !== 'surrogate', 'the surrogate judges placements of GBP-CR only');
  if (objective !== 'predicted') return judgeByBound(swarm, objective, snapshot.arrivalRatePerSecond);
  invariant(predictor !== undefined, 'the objective `predicted` comes with a predictor');
  return judgeByPrediction(swarm, predictor);
}

function describe(found: Found | undefined, swarm: IndexedSwarm, snapshot: PlanningSnapshot): PlanningResult {
  if (found === undefined) return { kind: 'infeasible', reason: explainInfeasible(swarm, snapshot.reservedSlots ?? 1) };
  const { plan } = found;
  const rate = serviceRate(plan.chains);
  const chains = nameChains(swarm, plan.chains);
  const bounds = computeResponseBounds(plan.chains, snapshot.arrivalRatePerSecond);
  const predicted = bounds === undefined ? undefined : snapshot.predictor?.predict(chains);
  const result: FeasiblePlan = {
    kind: 'feasible',
    placementPolicy: snapshot.placementPolicy,
    objective: found.objective,
    reservedSlots: plan.reservedSlots,
    placement: namePlacement(swarm, plan.placement),
    chains,
    totalSlots: chains.reduce((sum, chain) => sum + chain.slots, 0),
    serviceRatePerSecond: rate,
    responseSeconds: bounds === undefined || predicted === undefined ? bounds : { ...bounds, predicted },
    reason: bounds === undefined ? unstable(snapshot, rate) : found.missed,
    ...(found.search === undefined ? {} : { search: found.search }),
  };
  return result;
}

function unstable({ arrivalRatePerSecond }: PlanningSnapshot, rate: number): string {
  return (
    `unstable: ${rounded(arrivalRatePerSecond)} requests per second arrive and the chains serve ` +
    `${rounded(rate)} at most, so the queue grows without end; add servers or lower the arrival rate`
  );
}

function missedTarget({ arrivalRatePerSecond, maxLoad }: PlanningSnapshot): string {
  return (
    'no number of reserved slots lets the disjoint chains alone serve the target of ' +
    `${rounded(arrivalRatePerSecond / maxLoad)} requests per second (arrival rate / max load); ` +
    'this is the plan with the largest service rate'
  );
}

/** Six significant digits, without trailing zeros. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(6)));
}
