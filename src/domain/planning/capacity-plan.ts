import type { FeasiblePlan } from '../model/plan.ts';
import type { PlanningSnapshot } from './make-plan.ts';
import { makePlan } from './make-plan.ts';
import type { ServerSetValue } from './server-sets.ts';
import { searchServerSets } from './server-sets.ts';

export interface CapacityQuestion {
  /** All servers that could be paid for; pinned ones are. A predictor says what plans are worth. */
  readonly snapshot: PlanningSnapshot;
  /** By server id, >= 0, in any currency; a server without one is free. */
  readonly costPerHour: ReadonlyMap<string, number>;
  /** The mean response time that is good enough, seconds > 0. */
  readonly responseTargetSeconds: number;
  /** Sets of servers to look at, about. Default: what takes some seconds. */
  readonly budget?: number;
}

/** A set of servers, with the plan on it. */
export interface PricedPlan {
  readonly plan: FeasiblePlan;
  readonly costPerHour: number;
  /** Mean response time, seconds. */
  readonly responseSeconds: number;
}

export interface CapacityAnswer {
  /** The cheapest plan found that meets the target; undefined when none was. */
  readonly cheapest: PricedPlan | undefined;
  /** Of all plans looked at, those that no other beats in both, ascending by cost. */
  readonly front: readonly PricedPlan[];
}

/** Servers times blocks that a search goes through: some seconds' work. */
const WORK = 12_000_000;
const BUDGET = { min: 40, max: 1_500 };
/** Searches by prediction cost a simulation for each set. */
const PREDICTED_BUDGET = 120;
/** Plans that are predicted with all care. */
const MAX_REFINED = 24;

/**
 * Which servers to pay for: the cheapest set and placement found whose mean response time meets a
 * target, and what other money would buy. Sets are compared by the lower bound of the mean response
 * time (with objective `predicted`: by the predictor's estimate), and what is told is predicted.
 * Exact where all sets of servers fit the budget; a local search otherwise.
 */
export function planCapacity(question: CapacityQuestion): CapacityAnswer {
  const { snapshot, costPerHour, responseTargetSeconds } = question;
  const { servers, predictor, pinnedSpans } = snapshot;
  const plans = new Map<ServerSetValue, FeasiblePlan>();
  const isPredicted = snapshot.objective === 'predicted' && predictor !== undefined;
  const costs = servers.map(({ id }) => costPerHour.get(id) ?? 0);
  const evaluate = (set: readonly number[]): ServerSetValue | undefined => {
    const chosen = set.flatMap((j) => servers[j] ?? []);
    const plan = makePlan({ ...snapshot, servers: chosen, predictor: isPredicted ? predictor : undefined });
    if (plan.kind === 'infeasible') return undefined;
    const holds = new Set(plan.placement.map(({ serverId }) => serverId));
    const used = set.filter((j) => holds.has(servers[j]?.id ?? ''));
    const bounds = plan.responseSeconds;
    const value = {
      used,
      cost: used.reduce((sum, j) => sum + (costs[j] ?? 0), 0),
      seconds: (isPredicted ? bounds?.predicted : bounds?.lower) ?? Number.POSITIVE_INFINITY,
    };
    plans.set(value, plan);
    return value;
  };
  const byWorth = (worth: (j: number) => number): number[] =>
    [...servers.keys()].sort((a, b) => worth(b) - worth(a) || a - b);
  const price = (j: number): number => Math.max(costs[j] ?? 0, Number.MIN_VALUE);
  const memory = (j: number): number => servers[j]?.memoryBytes ?? 0;
  const speed = (j: number): number => 1 / (servers[j]?.computationSecondsPerBlock ?? 1);
  const seen = searchServerSets({
    count: servers.length,
    costs,
    required: [...servers.keys()].filter((j) => pinnedSpans?.has(servers[j]?.id ?? '') ?? false),
    orders: [
      byWorth((j) => memory(j) / price(j)),
      byWorth((j) => (memory(j) * speed(j)) / price(j)),
      byWorth((j) => memory(j) * speed(j)),
    ],
    targetSeconds: responseTargetSeconds,
    budget: question.budget ?? defaultBudget(snapshot, isPredicted),
    evaluate,
  });
  const refine = (value: ServerSetValue): PricedPlan => {
    const found = plans.get(value) as FeasiblePlan;
    const predicted = found.responseSeconds?.predicted ?? predictor?.predict(found.chains) ?? value.seconds;
    const plan = found.responseSeconds && { ...found, responseSeconds: { ...found.responseSeconds, predicted } };
    return { plan: plan ?? found, costPerHour: value.cost, responseSeconds: predicted };
  };
  const stable = seen.filter(({ seconds }) => Number.isFinite(seconds)).sort(byCost);
  return {
    cheapest: cheapestThatMeets(stable, responseTargetSeconds, refine),
    front: undominated(thinned(undominated(stable)).map(refine).sort(byPrice)),
  };
}

function cheapestThatMeets(
  ascending: readonly ServerSetValue[],
  targetSeconds: number,
  refine: (value: ServerSetValue) => PricedPlan,
): PricedPlan | undefined {
  let refined = 0;
  for (const value of ascending) {
    if (value.seconds > targetSeconds) continue;
    const plan = refine(value);
    if (plan.responseSeconds <= targetSeconds) return plan;
    refined += 1;
    if (refined === MAX_REFINED) return undefined;
  }
  return undefined;
}

function byCost(a: ServerSetValue, b: ServerSetValue): number {
  return a.cost - b.cost || a.seconds - b.seconds;
}

function byPrice(a: PricedPlan, b: PricedPlan): number {
  return a.costPerHour - b.costPerHour || a.responseSeconds - b.responseSeconds;
}

/** @param ascending by cost, then by response time */
function undominated<Point extends ServerSetValue | PricedPlan>(ascending: readonly Point[]): Point[] {
  let fastest = Number.POSITIVE_INFINITY;
  return ascending.filter((point) => {
    const seconds = 'seconds' in point ? point.seconds : point.responseSeconds;
    if (seconds >= fastest) return false;
    fastest = seconds;
    return true;
  });
}

/** At most `MAX_REFINED` of them, evenly spread, both ends included. */
function thinned(points: readonly ServerSetValue[]): ServerSetValue[] {
  if (points.length <= MAX_REFINED) return [...points];
  return Array.from(
    { length: MAX_REFINED },
    (_, i) => points[Math.round((i * (points.length - 1)) / (MAX_REFINED - 1))] as ServerSetValue,
  );
}

function defaultBudget({ servers, model }: PlanningSnapshot, isPredicted: boolean): number {
  if (isPredicted) return PREDICTED_BUDGET;
  return Math.min(BUDGET.max, Math.max(BUDGET.min, Math.floor(WORK / (servers.length * model.blockCount))));
}
