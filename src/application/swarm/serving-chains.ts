import { type Member, phaseOf } from '../../domain/membership/member.ts';
import type { Chain } from '../../domain/model/chain.ts';
import type { ModelShape } from '../../domain/model/model.ts';
import type { PlacedSpan } from '../../domain/model/placement.ts';
import { composeLiveChains, type LiveChains } from '../../domain/planning/live-chains.ts';
import { usefulJobs } from '../../domain/planning/useful-jobs.ts';
import type { DispatchPlan } from '../../domain/scheduling/cache-table.ts';
import { plannableServer, predictableSpeeds, type ServiceTimeTerms } from './member-state.ts';

/** On a chain of few servers one or two sessions keep the busiest busy; yet a stream that flows slowly is better than one that waits. */
const LEAST_JOBS = 4;

/** How much the newest request weighs in the mean of a chain's measured service time. */
const NEWEST_WEIGHT = 0.2;

/** The chains over what servers really host now, and how long requests took on them. */
export class ServingChains {
  readonly #measured = new Map<string, number>();
  #chains: readonly Chain[] = [];

  /** Fastest first. */
  get all(): readonly Chain[] {
    return this.#chains;
  }

  /** Composes them anew. A chain with the same hops as before is the same chain, and keeps its figures. */
  refresh(
    model: ModelShape,
    members: readonly Member[],
    terms: ServiceTimeTerms,
  ): LiveChains & Pick<DispatchPlan, 'jobLimits'> {
    const serving = members.filter((member) => phaseOf(member) === 'serving');
    const live = composeLiveChains(
      model,
      serving.map((member) => plannableServer(member, terms)),
      serving.flatMap(readySpan),
    );
    this.#chains = live.chains;
    const ids = new Set(live.chains.map((chain) => chain.id));
    for (const id of this.#measured.keys()) if (!ids.has(id)) this.#measured.delete(id);
    const { maxComputeLoad, workload } = terms;
    if (maxComputeLoad === undefined) return live;
    const speeds = new Map(serving.map((member) => [member.serverId, predictableSpeeds(member, terms)]));
    const speedsOf = speeds.get.bind(speeds);
    const jobLimits = live.chains.map((chain) =>
      Math.max(LEAST_JOBS, usefulJobs(chain, speedsOf, workload, maxComputeLoad)),
    );
    return { ...live, jobLimits };
  }

  /** Mean service time of a chain's latest requests, seconds; undefined before the first. */
  measuredSeconds(chainId: string): number | undefined {
    return this.#measured.get(chainId);
  }

  served(chainId: string, seconds: number): void {
    if (!this.#chains.some((chain) => chain.id === chainId)) return;
    const before = this.#measured.get(chainId);
    this.#measured.set(chainId, before === undefined ? seconds : before + NEWEST_WEIGHT * (seconds - before));
  }
}

/** What a member serves now; nothing for one that serves nothing. */
export function readySpan(member: Member): PlacedSpan[] {
  return member.ready === undefined ? [] : [{ serverId: member.serverId, ...member.ready }];
}
