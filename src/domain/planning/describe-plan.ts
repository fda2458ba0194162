import type { FeasiblePlan, PlacementPolicy, PlanningObjective, PlanningResult } from '../model/plan.ts';
import type { ComputeModel } from './compute-model.ts';
import { computedChains, computeVariants } from './compute-variants.ts';
import { explainInfeasible } from './explain-infeasible.ts';
import type { IndexedSwarm } from './indexed-swarm.ts';
import { nameChains, namePlacement } from './indexed-swarm.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import type { ResponsePredictor } from './response-predictor.ts';
import { computeResponseBounds, serviceRate } from './response-time-bounds.ts';

/** A plan that was found, and what is to be told about how. */
export interface FoundPlan {
  readonly plan: ReservedPlan;
  readonly objective: PlanningObjective | undefined;
  readonly missed?: string | undefined;
  readonly search?: FeasiblePlan['search'];
}

/** What of the planner's input a description needs: see `PlanningSnapshot`. */
interface PlanTerms {
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  readonly placementPolicy: PlacementPolicy;
  readonly reservedSlots?: number | undefined;
  readonly predictor?: ResponsePredictor | undefined;
}

/** What a plan is to its reader: names, rates, the mean response time to expect, and what is wrong with it. */
export function describePlan(found: FoundPlan | undefined, swarm: IndexedSwarm, snapshot: PlanTerms): PlanningResult {
  if (found === undefined) return { kind: 'infeasible', reason: explainInfeasible(swarm, snapshot.reservedSlots ?? 1) };
  const { predictor, arrivalRatePerSecond } = snapshot;
  // A judge by prediction has chosen among these already.
  const plan = found.objective === 'predicted' ? found.plan : limited(found.plan, swarm, snapshot);
  const rate = serviceRate(plan.chains);
  const chains = nameChains(swarm, plan.chains);
  const work = predictor?.compute && serverWork(plan, swarm, snapshot, predictor.compute);
  const bounds = work?.overload === undefined ? computeResponseBounds(plan.chains, arrivalRatePerSecond) : undefined;
  const predicted = bounds === undefined ? undefined : predictor?.predict(chains);
  const problem = bounds === undefined ? (work?.overload ?? unstable(snapshot, rate)) : (found.missed ?? work?.excess);
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
    ...(work === undefined ? {} : { utilisation: work.utilisation }),
    reason: problem,
    ...(found.search === undefined ? {} : { search: found.search }),
  };
  return result;
}

/** The variant of a plan that answers soonest, by approximation: see `computeVariants`. */
function limited(plan: ReservedPlan, swarm: IndexedSwarm, snapshot: PlanTerms): ReservedPlan {
  const compute = snapshot.predictor?.compute;
  if (compute === undefined) return plan;
  let best = { plan, seconds: Number.POSITIVE_INFINITY };
  for (const variant of computeVariants(swarm, plan, compute, snapshot.maxLoad)) {
    if (!(snapshot.arrivalRatePerSecond < serviceRate(variant.chains))) continue;
    const seconds = compute.outlook(computedChains(swarm, variant.chains)).responseSeconds;
    if (seconds !== undefined && seconds < best.seconds) best = { plan: variant, seconds };
  }
  return best.plan;
}

interface ServerWork {
  /** By server id. */
  readonly utilisation: ReadonlyMap<string, number>;
  /** Why the arrivals are more than the servers can compute; undefined: they are not. */
  readonly overload?: string;
  /** Which server would work more than is wanted. */
  readonly excess?: string;
}

function serverWork(
  { chains }: ReservedPlan,
  swarm: IndexedSwarm,
  { arrivalRatePerSecond, maxLoad }: PlanTerms,
  compute: ComputeModel,
): ServerWork {
  const named = computedChains(swarm, chains);
  const most = compute.limits(named, 1);
  if (arrivalRatePerSecond < most.serviceRatePerSecond) {
    const { utilisation } = compute.outlook(named);
    const [busiest, share] = busiestOf(utilisation);
    return share > maxLoad ? { utilisation, excess: excess(busiest, share, maxLoad) } : { utilisation };
  }
  // What the servers would have to work, were the arrivals spread over the chains as they can be served.
  const factor = arrivalRatePerSecond / most.serviceRatePerSecond;
  const utilisation = new Map([...most.utilisation].map(([id, share]) => [id, factor * share]));
  const [busiest, share] = busiestOf(utilisation);
  if (share < 1) return { utilisation };
  const overload =
    `unstable: at ${rounded(arrivalRatePerSecond)} requests per second server ${busiest} would have to work ` +
    `${percent(share)} of its time, and the servers compute for ${rounded(most.serviceRatePerSecond)} requests per ` +
    'second at most, so the queue grows without end; add servers or lower the arrival rate';
  return { utilisation, overload };
}

function busiestOf(utilisation: ReadonlyMap<string, number>): [id: string, share: number] {
  let busiest: [string, number] = ['', 0];
  for (const [id, share] of utilisation) if (share > busiest[1]) busiest = [id, share];
  return busiest;
}

function excess(busiest: string, share: number, maxLoad: number): string {
  return `server ${busiest} works ${percent(share)} of its time, more than the largest load wanted of ${percent(maxLoad)}`;
}

function unstable({ arrivalRatePerSecond }: PlanTerms, rate: number): string {
  return (
    `unstable: ${rounded(arrivalRatePerSecond)} requests per second arrive and the chains serve ` +
    `${rounded(rate)} at most, so the queue grows without end; add servers or lower the arrival rate`
  );
}

/** Six significant digits, without trailing zeros. */
export function rounded(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
