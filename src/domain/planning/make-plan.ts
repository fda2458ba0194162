import type { ModelShape } from '../model/model.ts';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective, PlanningResult } from '../model/plan.ts';
import type { Server } from '../model/server.ts';
import type { Span } from '../model/span.ts';
import { invariant } from '../shared/invariant.ts';
import { placeBaseline } from './baselines/place-baseline.ts';
import { explainInfeasible, explainPlacement } from './explain-infeasible.ts';
import { indexSwarm, nameChains, namePlacement } from './indexed-swarm.ts';
import type { ReservedPlan } from './reservation-search.ts';
import { composePlacement, planForReservation, searchReservation } from './reservation-search.ts';
import { computeResponseBounds, serviceRate } from './response-time-bounds.ts';

/** All that a plan depends on. Callers sort the servers by id: the planner keeps their order for ties. */
export interface PlanningSnapshot {
  readonly model: ModelShape;
  /** lambda, jobs per second > 0. */
  readonly arrivalRatePerSecond: number;
  /** rho-bar: the largest load wanted, (0, 1]. */
  readonly maxLoad: number;
  readonly servers: readonly Server[];
  readonly placementPolicy: PlacementPolicy;
  /** What the search for c minimises; of no meaning where `reservedSlots` is given. */
  readonly objective: PlanningObjective;
  /** c: given instead of searched. Integer >= 1. */
  readonly reservedSlots?: number | undefined;
  /** Spans, by server id, that must be taken as they are; each within the model and not empty. */
  readonly pinnedSpans?: ReadonlyMap<string, Span> | undefined;
}

/**
 * Snapshot in, plan out: placement (GBP-CR or a baseline), chains with their slots (GCA), and the bounds of the mean
 * response time. Pure and deterministic: equal snapshots give equal plans.
 */
export function makePlan(snapshot: PlanningSnapshot): PlanningResult {
  invariant(snapshot.arrivalRatePerSecond > 0, 'the arrival rate is positive');
  invariant(snapshot.maxLoad > 0 && snapshot.maxLoad <= 1, 'the largest load lies in (0, 1]');
  const swarm = indexSwarm(snapshot.model, snapshot.servers, snapshot.pinnedSpans);
  const { placementPolicy, reservedSlots, arrivalRatePerSecond, maxLoad } = snapshot;
  invariant(reservedSlots === undefined || isCount(reservedSlots), 'at least one slot is reserved');
  if (placementPolicy !== 'gbp-cr' && placementPolicy !== 'gbp-cr-fill') {
    const baseline = placeBaseline(placementPolicy, swarm, arrivalRatePerSecond, reservedSlots);
    const plan = composePlacement(swarm, baseline.placement, baseline.reservedSlots);
    if (plan === undefined) return { kind: 'infeasible', reason: explainPlacement(swarm, baseline) };
    return describe(plan, undefined, undefined);
  }
  const demand = { arrivalRatePerSecond, maxLoad, placementPolicy };
  if (reservedSlots !== undefined) {
    const plan = planForReservation(swarm, demand, reservedSlots);
    if (plan === undefined) return { kind: 'infeasible', reason: explainInfeasible(swarm, reservedSlots) };
    return describe(plan, undefined, undefined);
  }
  const found = searchReservation(swarm, demand, snapshot.objective);
  if (found.kind === 'infeasible') return { kind: 'infeasible', reason: explainInfeasible(swarm, 1) };
  return describe(found.plan, snapshot.objective, found.kind === 'fastest' ? missedObjective() : undefined);

  function describe(
    plan: ReservedPlan,
    objective: PlanningObjective | undefined,
    missed: string | undefined,
  ): FeasiblePlan {
    const rate = serviceRate(plan.chains);
    const responseSeconds = computeResponseBounds(plan.chains, snapshot.arrivalRatePerSecond);
    return {
      kind: 'feasible',
      placementPolicy: snapshot.placementPolicy,
      objective,
      reservedSlots: plan.reservedSlots,
      placement: namePlacement(swarm, plan.placement),
      chains: nameChains(swarm, plan.chains),
      totalSlots: plan.chains.reduce((sum, chain) => sum + chain.slots, 0),
      serviceRatePerSecond: rate,
      responseSeconds,
      reason: responseSeconds === undefined ? unstable(rate) : missed,
    };
  }

  function unstable(rate: number): string {
    return (
      `unstable: ${rounded(snapshot.arrivalRatePerSecond)} requests per second arrive and the chains serve ` +
      `${rounded(rate)} at most, so the queue grows without end; add servers or lower the arrival rate`
    );
  }

  function missedObjective(): string | undefined {
    if (snapshot.objective !== 'surrogate') return undefined;
    const target = rounded(snapshot.arrivalRatePerSecond / snapshot.maxLoad);
    return (
      `no number of reserved slots lets the disjoint chains alone serve the target of ${target} requests per second ` +
      '(arrival rate / max load); this is the plan with the largest service rate'
    );
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** Six significant digits, without trailing zeros. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(6)));
}
