import type { CandidateInput, SinglePlacement } from './candidate-plans.ts';
import { planCandidate } from './candidate-plans.ts';
import type { PlanJudge } from './plan-judge.ts';
import type { JudgedPlan } from './reservation-grid.ts';
import { geometricGrid } from './reservation-grid.ts';
import { largestReservation, visitReservations } from './reservation-runs.ts';
import { composePlan } from './reservation-search.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { computeResponseBound, serviceRate } from './response-time-bounds.ts';

/** Reservations of CG-BP that are tried beside its own choice. */
const CG_BP_RESERVATIONS = 10;

/** Plans this close to the best may be better: an estimate strays by less. */
const MARGIN = 1.005;
/** Plans that are looked at once more with all care. */
const MAX_RIVALS = 6;

/**
 * The best plan over all policies and reservations for a judge whose values do not lie below the lower
 * bound of Theorem 4: the plans with the smallest bounds are judged, in that order, until the bound
 * alone is worse than the best value. Where none is stable, the plan with the largest service rate.
 * @param budget plans to judge, >= 1
 */
export function searchByBound(input: CandidateInput, judge: PlanJudge, budget: number): JudgedPlan | undefined {
  const list = new Shortlist(budget, input.arrivalRatePerSecond);
  for (const policy of input.policies) addCandidates(list, input, policy);
  const [first] = list.ascending();
  if (first === undefined)
    return list.fastest && { plan: list.fastest, value: Number.POSITIVE_INFINITY, judged: 0, rivals: [] };
  let best = first.plan;
  let value = Number.POSITIVE_INFINITY;
  let judged = 0;
  const finalists: { readonly plan: ReservedPlan; readonly value: number }[] = [];
  for (const { plan, value: bound } of list.ascending()) {
    if (bound >= MARGIN * value) break;
    judged += 1;
    const own = judge.value(plan.chains, MARGIN * value) ?? Number.POSITIVE_INFINITY;
    finalists.push({ plan, value: own });
    if (own >= value) continue;
    best = plan;
    value = own;
  }
  const rivals = finalists.filter((finalist) => finalist.value < MARGIN * value).sort((a, b) => a.value - b.value);
  return { plan: best, value, judged, rivals: rivals.slice(0, MAX_RIVALS).map(({ plan }) => plan) };
}

function addCandidates(list: Shortlist, input: CandidateInput, policy: SinglePlacement): void {
  const { swarm, arrivalRatePerSecond, maxLoad, reservedSlots } = input;
  if (reservedSlots === undefined && (policy === 'gbp-cr' || policy === 'gbp-cr-fill')) {
    const demand = { arrivalRatePerSecond, maxLoad, placementPolicy: policy };
    visitReservations(swarm, demand, policy === 'gbp-cr', (sequence, c, closedChains) => {
      list.add(composePlan(swarm, sequence, c, closedChains, list.giveUpAtSeconds));
    });
    return;
  }
  list.add(planCandidate(input, policy, reservedSlots));
  if (reservedSlots !== undefined || policy !== 'cg-bp') return;
  for (const c of geometricGrid(Math.max(1, largestReservation(swarm)), CG_BP_RESERVATIONS)) {
    list.add(planCandidate(input, policy, c));
  }
}

class Shortlist {
  readonly #size: number;
  readonly #arrivalRatePerSecond: number;
  readonly #best: { readonly plan: ReservedPlan; readonly value: number }[] = [];
  #fastest: { readonly plan: ReservedPlan; readonly rate: number } | undefined;

  constructor(size: number, arrivalRatePerSecond: number) {
    this.#size = size;
    this.#arrivalRatePerSecond = arrivalRatePerSecond;
  }

  /** A plan whose fastest chain takes so long cannot enter any more. */
  get giveUpAtSeconds(): number {
    return this.#best.length < this.#size ? Number.POSITIVE_INFINITY : (this.#best.at(-1)?.value ?? 0);
  }

  add(plan: ReservedPlan | undefined): void {
    if (plan === undefined) return;
    const value = computeResponseBound('lower', plan.chains, this.#arrivalRatePerSecond);
    if (value === undefined) {
      const rate = serviceRate(plan.chains);
      if (rate > (this.#fastest?.rate ?? 0)) this.#fastest = { plan, rate };
      return;
    }
    const at = this.#best.findIndex((kept) => kept.value > value);
    this.#best.splice(at < 0 ? this.#best.length : at, 0, { plan, value });
    if (this.#best.length > this.#size) this.#best.pop();
  }

  /** By lower bound. */
  ascending(): readonly { readonly plan: ReservedPlan; readonly value: number }[] {
    return this.#best;
  }

  /** Of the unstable plans, the one that serves most. */
  get fastest(): ReservedPlan | undefined {
    return this.#fastest?.plan;
  }
}
