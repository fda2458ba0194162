import type { ArrivalRate } from '../../domain/planning/arrival-rate.ts';
import { type Demand, hasDemandDrifted } from '../../domain/planning/demand-drift.ts';
import { RequestSizes } from '../../domain/planning/request-sizes.ts';
import type { ServiceTimeTerms } from './member-state.ts';

export interface LiveDemandOptions {
  /** Requests per second planned for when fewer arrive, > 0. */
  readonly arrivalRateFloor: number;
  /** Its workload counts until enough requests were seen. */
  readonly serviceTimes: ServiceTimeTerms;
  /** Requests after which their measured lengths count, >= 1. */
  readonly workloadSamples: number;
  /** Share by which demand must differ from what was planned for, > 0. */
  readonly driftThreshold: number;
  /** Time constant of the arrival rate's estimate, seconds. */
  readonly rateWindowSeconds: number;
}

/** What requests ask of the swarm, as estimated now and as the latest plan was made for. */
export class LiveDemand {
  readonly #arrivals: ArrivalRate;
  readonly #options: LiveDemandOptions;
  readonly #sizes = new RequestSizes();
  #planned: Demand | undefined;

  constructor(arrivals: ArrivalRate, options: LiveDemandOptions) {
    this.#arrivals = arrivals;
    this.#options = options;
  }

  /** A request ended by itself. */
  served(promptTokens: number, completionTokens: number): void {
    this.#sizes.served(promptTokens, completionTokens);
  }

  now(nowMs: number): Demand & { readonly isWorkloadMeasured: boolean } {
    const measured = this.#sizes.mean(this.#options.workloadSamples);
    return {
      arrivalRatePerSecond: Math.max(this.#options.arrivalRateFloor, this.#arrivals.perSecond(nowMs)),
      workload: measured ?? this.#options.serviceTimes.workload,
      isWorkloadMeasured: measured !== undefined,
    };
  }

  /** What turns speeds into service times, for requests as they are of late. */
  serviceTimes(): ServiceTimeTerms {
    const { serviceTimes, workloadSamples } = this.#options;
    return { ...serviceTimes, workload: this.#sizes.mean(workloadSamples) ?? serviceTimes.workload };
  }

  /** The plan was looked at with this demand. */
  plannedFor(demand: Demand): void {
    this.#planned = demand;
  }

  hasDrifted(nowMs: number): boolean {
    const { driftThreshold, rateWindowSeconds } = this.#options;
    if (this.#planned === undefined) return false;
    return hasDemandDrifted(this.#planned, this.now(nowMs), driftThreshold, rateWindowSeconds);
  }
}
