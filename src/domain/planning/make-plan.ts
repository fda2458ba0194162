import type { ModelShape } from '../model/model.ts';
import type { PlacementPolicy, PlanningObjective, PlanningResult } from '../model/plan.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { invariant } from '../shared/invariant.ts';
import { placeBaseline } from './baselines/place-baseline.ts';
import { findBestPlan } from './best-plan.ts';
import type { SinglePlacement } from './candidate-plans.ts';
import type { FoundPlan } from './describe-plan.ts';
import { describePlan, rounded } from './describe-plan.ts';
import { explainPlacement } from './explain-infeasible.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { indexSwarm } from './indexed-swarm.ts';
import type { PlanJudge } from './plan-judge.ts';
import { judgeByBound, judgeByPrediction } from './plan-judge.ts';
import { planForReservation, searchReservation } from './reservation-search.ts';
import { composePlacement } from './reserved-plan.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { limitJudge, type SearchLimit } from './search-limit.ts';

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
  if (placementPolicy === 'best') return describePlan(findBest(swarm, snapshot, ALL_PLACEMENTS), swarm, snapshot);
  if (placementPolicy !== 'gbp-cr' && placementPolicy !== 'gbp-cr-fill') {
    const baseline = placeBaseline(placementPolicy, swarm, snapshot.arrivalRatePerSecond, reservedSlots);
    const plan = composePlacement(swarm, baseline.placement, baseline.reservedSlots);
    if (plan === undefined) return { kind: 'infeasible', reason: explainPlacement(swarm, baseline) };
    return describePlan({ plan, objective: undefined }, swarm, snapshot);
  }
  const demand = { ...snapshot, placementPolicy };
  if (reservedSlots !== undefined) {
    const plan = planForReservation(swarm, demand, reservedSlots);
    return describePlan(plan && { plan, objective: undefined }, swarm, snapshot);
  }
  if (objective === 'predicted') return describePlan(findBest(swarm, snapshot, [placementPolicy]), swarm, snapshot);
  const found = searchReservation(swarm, demand, objective);
  if (found.kind === 'infeasible') return describePlan(undefined, swarm, snapshot);
  const missed = found.kind === 'fastest' && objective === 'surrogate' ? missedTarget(snapshot) : undefined;
  return describePlan({ plan: found.plan, objective, missed }, swarm, snapshot);
}

const ALL_PLACEMENTS: readonly SinglePlacement[] = ['gbp-cr', 'gbp-cr-fill', 'cg-bp', 'petals', 'jffc-only'];

function findBest(
  swarm: IndexedSwarm,
  snapshot: PlanningSnapshot,
  policies: readonly SinglePlacement[],
): FoundPlan | undefined {
  const { objective, reservedSlots } = snapshot;
  const judge = limitJudge(judgeOf(swarm, snapshot), snapshot.searchLimit);
  const plan = findBestPlan({ ...snapshot, swarm, policies, reservedSlots }, judge);
  const search = { evaluations: judge.evaluations(), isCutShort: judge.isCutShort() };
  return plan && { plan, objective, search };
}

function judgeOf(swarm: IndexedSwarm, snapshot: PlanningSnapshot): PlanJudge {
  const { objective, predictor } = snapshot;
  invariant(objective !== 'surrogate', 'the surrogate judges placements of GBP-CR only');
  if (objective !== 'predicted') return judgeByBound(swarm, objective, snapshot.arrivalRatePerSecond);
  invariant(predictor !== undefined, 'the objective `predicted` comes with a predictor');
  return judgeByPrediction(swarm, predictor, snapshot.maxLoad);
}

function missedTarget({ arrivalRatePerSecond, maxLoad }: PlanningSnapshot): string {
  return (
    'no number of reserved slots lets the disjoint chains alone serve the target of ' +
    `${rounded(arrivalRatePerSecond / maxLoad)} requests per second (arrival rate / max load); ` +
    'this is the plan with the largest service rate'
  );
}
