import type { CandidateInput, SinglePlacement } from './candidate-plans.ts';
import { planCandidate } from './candidate-plans.ts';
import { LayeredPlacements } from './layered-placement.ts';
import type { PlanJudge } from './plan-judge.ts';
import { geometricGrid } from './reservation-grid.ts';
import { largestReservation, visitReservations } from './reservation-runs.ts';
import { composePlan } from './reservation-search.ts';
import type { ReservedPlan } from './reserved-plan.ts';
import { composePlacement } from './reserved-plan.ts';
import type { Screening } from './response-predictor.ts';
import { computeResponseBound, serviceRate } from './response-time-bounds.ts';

/** Reservations of CG-BP that are tried beside its own choice. */
const CG_BP_RESERVATIONS = 10;
/** Reservations of the layers: few for the fast chains, anything for the others. */
const LAYERS = { first: [1, 2, 3, 4, 5, 6, 7, 8, 10], second: [1, 2, 3, 4, 6, 8, 12], others: [1, 3, 6] };
/** Servers times blocks that all layered placements together may go through. */
const LAYERED_WORK = 600_000;
/** Plans kept: of all, and of each placement on its own. */
const SIZE = { ofAll: 8, ofPolicy: 4 };

/** A plan and its quick value, seconds. */
export interface ScreenedPlan {
  readonly plan: ReservedPlan;
  readonly seconds: number;
  readonly isTrusted: boolean;
  /** Which of the plan's variants it is. */
  readonly variant: number;
}

export interface Shortlist {
  /** Of all stable plans those with the smallest quick values, ascending. */
  readonly best: readonly ScreenedPlan[];
  /** The best few of each placement on its own: what the choice may never be worse than. */
  readonly ofPolicies: readonly ScreenedPlan[];
  /** The plan whose lower bound is smallest: often the most to gain from small changes. */
  readonly mostPromising: ScreenedPlan | undefined;
  /** Of the unstable plans the one that serves most. */
  readonly fastest: ReservedPlan | undefined;
}

/**
 * Looks at all placements with all reservations, and where there are several placements also at layered
 * ones, and keeps those that a quick look likes best.
 */
export function makeShortlist(
  input: CandidateInput,
  judge: PlanJudge,
  screen: NonNullable<PlanJudge['screen']>,
): Shortlist {
  const list = new ShortlistBuilder(judge, screen, input.arrivalRatePerSecond);
  for (const policy of input.policies) addCandidates(list, input, policy, judge.respectsServiceTime);
  if (input.policies.length > 1 && input.reservedSlots === undefined) addLayered(list, input);
  return list;
}

function addCandidates(
  list: ShortlistBuilder,
  input: CandidateInput,
  policy: SinglePlacement,
  respectsServiceTime: boolean,
): void {
  const { swarm, arrivalRatePerSecond, maxLoad, reservedSlots } = input;
  const add = (plan: ReservedPlan | undefined): void => {
    list.add(plan, policy);
  };
  if (reservedSlots === undefined && (policy === 'gbp-cr' || policy === 'gbp-cr-fill')) {
    const demand = { arrivalRatePerSecond, maxLoad, placementPolicy: policy };
    visitReservations(swarm, demand, policy === 'gbp-cr', (sequence, c, closedChains) => {
      const giveUpAt = respectsServiceTime ? list.worstSeconds : undefined;
      add(composePlan(swarm, sequence, c, closedChains, giveUpAt));
    });
    return;
  }
  add(planCandidate(input, policy, reservedSlots));
  if (reservedSlots !== undefined || policy !== 'cg-bp') return;
  for (const c of geometricGrid(Math.max(1, largestReservation(swarm)), CG_BP_RESERVATIONS)) {
    add(planCandidate(input, policy, c));
  }
}

function addLayered(list: ShortlistBuilder, { swarm, arrivalRatePerSecond, maxLoad }: CandidateInput): void {
  const layered = new LayeredPlacements(swarm);
  let left = Math.floor(LAYERED_WORK / (swarm.serverIds.length * swarm.blockCount));
  for (const others of LAYERS.others) {
    for (const first of LAYERS.first) {
      for (const second of LAYERS.second) {
        for (const isWide of [false, true]) {
          if (left <= 0) return;
          left -= 1;
          const placement = layered.place({ first, second, others }, isWide);
          const plan = placement && composePlacement(swarm, placement, first);
          if (plan === undefined || arrivalRatePerSecond > maxLoad * serviceRate(plan.chains)) continue;
          list.add(plan);
        }
      }
    }
  }
}

class ShortlistBuilder implements Shortlist {
  readonly #judge: PlanJudge;
  readonly #screen: (chains: ReservedPlan['chains']) => Screening;
  readonly #arrivalRatePerSecond: number;
  readonly #best: ScreenedPlan[] = [];
  readonly #ofPolicies = new Map<SinglePlacement, ScreenedPlan[]>();
  #mostPromising: { readonly screened: ScreenedPlan; readonly bound: number } | undefined;
  #fastest: { readonly plan: ReservedPlan; readonly rate: number } | undefined;

  constructor(judge: PlanJudge, screen: NonNullable<PlanJudge['screen']>, arrivalRatePerSecond: number) {
    this.#arrivalRatePerSecond = arrivalRatePerSecond;
    this.#judge = judge;
    this.#screen = screen;
  }

  get best(): readonly ScreenedPlan[] {
    return this.#best;
  }

  get ofPolicies(): readonly ScreenedPlan[] {
    return [...this.#ofPolicies.values()].flat();
  }

  get mostPromising(): ScreenedPlan | undefined {
    return this.#mostPromising?.screened;
  }

  get fastest(): ReservedPlan | undefined {
    return this.#fastest?.plan;
  }

  /** A plan whose fastest chain takes so long cannot enter any more. */
  get worstSeconds(): number {
    return this.#best.length < SIZE.ofAll ? Number.POSITIVE_INFINITY : (this.#best.at(-1)?.seconds ?? 0);
  }

  add(plan: ReservedPlan | undefined, policy?: SinglePlacement): void {
    if (plan === undefined) return;
    let isStable = false;
    this.#judge.variants(plan).forEach((own, variant) => {
      if (own.chains.length === 0) return;
      const { seconds, isTrusted } = this.#screen(own.chains);
      if (seconds === undefined) return;
      isStable = true;
      this.#keep({ plan: own, seconds, isTrusted, variant }, policy);
    });
    if (isStable) return;
    const rate = serviceRate(plan.chains);
    if (rate > (this.#fastest?.rate ?? 0)) this.#fastest = { plan, rate };
  }

  #keep(screened: ScreenedPlan, policy: SinglePlacement | undefined): void {
    const { plan } = screened;
    const bound = computeResponseBound('lower', plan.chains, this.#arrivalRatePerSecond) ?? Number.POSITIVE_INFINITY;
    if (bound < (this.#mostPromising?.bound ?? Number.POSITIVE_INFINITY)) this.#mostPromising = { screened, bound };
    insert(this.#best, screened, SIZE.ofAll);
    if (policy === undefined) return;
    const own = this.#ofPolicies.get(policy) ?? [];
    this.#ofPolicies.set(policy, own);
    insert(own, screened, SIZE.ofPolicy);
  }
}

/** Into an ascending list of some length. Equal values are mostly equal plans (neighbouring reservations, variants without a difference): one is enough. */
function insert(list: ScreenedPlan[], screened: ScreenedPlan, size: number): void {
  if (list.some(({ seconds }) => seconds === screened.seconds)) return;
  const at = list.findIndex(({ seconds }) => seconds > screened.seconds);
  list.splice(at < 0 ? list.length : at, 0, screened);
  if (list.length > size) list.pop();
}
