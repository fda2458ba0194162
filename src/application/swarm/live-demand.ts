import type { ModelShape } from '../../domain/model/model.ts';
import type { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import { type Demand, hasDemandDrifted, isFar } from '../../domain/planning/demand-drift.ts';
import { RequestSizes } from '../../domain/planning/request-sizes.ts';
import type { ServiceTimeTerms } from './member-state.ts';

export interface LiveDemandOptions {
  /** Requests per second planned for when fewer arrive, > 0. */
  readonly arrivalRateFloor: number;
  /** Its workload counts until enough requests were seen. */
  readonly serviceTimes: ServiceTimeTerms;
  /** Requests after which their measured lengths count, >= 1. */
  readonly workloadSamples: number;
  /** Tokens of the longest session, where slots are sized by what requests reserve. */
  readonly sizedSessionTokens?: number | undefined;
  /** Share by which demand must differ from what was planned for, > 0. */
  readonly driftThreshold: number;
  /** Time constant of the arrival rate's estimate, seconds. */
  readonly rateWindowSeconds: number;
}

/** Demand as it is estimated at a time. */
export interface DemandNow extends Demand {
  readonly isWorkloadMeasured: boolean;
  /** Tokens for which a slot has room; undefined: for those of the longest session. */
  readonly slotTokens: number | undefined;
}

/** What requests ask of the swarm, as estimated now and as the latest plan was made for. */
export class LiveDemand {
  readonly #arrivals: ArrivalRate;
  readonly #options: LiveDemandOptions;
  readonly #sizes = new RequestSizes();
  #planned: DemandNow | undefined;

  constructor(arrivals: ArrivalRate, options: LiveDemandOptions) {
    this.#arrivals = arrivals;
    this.#options = options;
  }

  /** A request ended by itself. */
  served(promptTokens: number, completionTokens: number): void {
    this.#sizes.served(promptTokens, completionTokens);
  }

  now(nowMs: number): DemandNow {
    const measured = this.#sizes.mean(this.#options.workloadSamples);
    return {
      arrivalRatePerSecond: Math.max(this.#options.arrivalRateFloor, this.#arrivals.perSecond(nowMs)),
      workload: measured ?? this.#options.serviceTimes.workload,
      isWorkloadMeasured: measured !== undefined,
      slotTokens: this.#slotTokens(),
    };
  }

  /** The slots planned with, until what requests reserve differs from them by more than the threshold. */
  #slotTokens(): number | undefined {
    const { sizedSessionTokens, workloadSamples, driftThreshold } = this.#options;
    if (sizedSessionTokens === undefined) return undefined;
    const planned = this.#planned?.slotTokens ?? sizedSessionTokens;
    const measured = this.#arrivals.sizes.slotTokens(workloadSamples) ?? planned;
    const wanted = Math.min(sizedSessionTokens, measured);
    return isFar(planned, wanted, driftThreshold) ? wanted : planned;
  }

  /** As the latest look at the plan reckoned. */
  get plannedSlotTokens(): number | undefined {
    return this.#planned?.slotTokens;
  }

  /** The model with the slots that the latest look at the plan reckoned with. */
  plannedModel(model: ModelShape): ModelShape {
    const { sizedSessionTokens } = this.#options;
    const slotTokens = this.plannedSlotTokens;
    if (sizedSessionTokens === undefined || slotTokens === undefined || slotTokens === sizedSessionTokens) return model;
    return {
      ...model,
      cacheBytesPerBlock: (model.cacheBytesPerBlock / sizedSessionTokens) * slotTokens,
      longestCacheBytesPerBlock: model.cacheBytesPerBlock,
    };
  }

  /** What turns speeds into service times, for requests as they are of late. */
  serviceTimes(): ServiceTimeTerms {
    const { serviceTimes, workloadSamples } = this.#options;
    return { ...serviceTimes, workload: this.#sizes.mean(workloadSamples) ?? serviceTimes.workload };
  }

  /** The plan was looked at with this demand. */
  plannedFor(demand: DemandNow): void {
    this.#planned = demand;
  }

  hasDrifted(nowMs: number): boolean {
    const { driftThreshold, rateWindowSeconds } = this.#options;
    if (this.#planned === undefined) return false;
    const now = this.now(nowMs);
    if (now.slotTokens !== this.#planned.slotTokens) return true;
    return hasDemandDrifted(this.#planned, now, driftThreshold, rateWindowSeconds);
  }
}
