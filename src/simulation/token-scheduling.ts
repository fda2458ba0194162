import type { Chain } from '../domain/model/chain.ts';
import type { ModelShape } from '../domain/model/model.ts';
import type { FeasiblePlan } from '../domain/model/plan.ts';
import type { TokenWorkload } from '../domain/planning/service-times.ts';
import { usefulJobs } from '../domain/planning/useful-jobs.ts';
import type { SchedulerOptions } from '../domain/scheduling/scheduler-options.ts';
import { invariant } from '../domain/shared/invariant.ts';
import type { IndependentSimulation } from './simulate-independent.ts';
import { type TokenServiceTerms, tokenServiceSeconds } from './token-service.ts';

export type CacheSharing = 'slots' | 'chain-tokens' | 'tokens';

export interface SchedulingChoice {
  readonly cache: CacheSharing;
  /** Tokens that a slot of the plan stands for; undefined: the longest session. */
  readonly planTokens: number | undefined;
  /** Jobs at once on a chain over those that raise its throughput; undefined: what its cache holds. With `tokens` only. */
  readonly maxComputeLoad: number | undefined;
  readonly scheduling: Pick<SchedulerOptions, 'order' | 'maxOvertakes' | 'maxWaitFactor'>;
}

export interface SchedulingTerms extends TokenServiceTerms {
  readonly model: ModelShape;
  readonly sessionTokens: number | undefined;
  readonly meanTokens: TokenWorkload | undefined;
}

type TokenSimulation = Pick<
  IndependentSimulation,
  'chains' | 'scheduling' | 'serverCacheBytes' | 'jobLimits' | 'describeJob'
>;

/** Between a server and the chain that has it for itself; no server's id has a line break. */
const APART = '\n';

/** The server that is meant where each chain has servers of its own. */
export function serverIdOf(apartId: string): string {
  return apartId.split(APART, 1)[0] ?? apartId;
}

/** How a contestant's jobs are given cache and put in order: what a simulation of its plan needs besides. */
export function tokenScheduling(terms: SchedulingTerms, choice: SchedulingChoice, plan: FeasiblePlan): TokenSimulation {
  const { chains } = plan;
  const { cache, planTokens } = choice;
  const { model, sessionTokens } = terms;
  const describeJob = jobDescriptions(terms, chains);
  if (cache === 'slots') return { chains, scheduling: choice.scheduling, describeJob };
  invariant(sessionTokens !== undefined, 'cache by tokens is known by tokens');
  const cacheBytesPerToken = model.cacheBytesPerBlock / sessionTokens;
  const scheduling = { ...choice.scheduling, cache: 'tokens', cacheBytesPerToken } as const;
  if (cache === 'tokens') {
    const { maxComputeLoad } = choice;
    const { meanTokens } = terms;
    const jobLimits =
      maxComputeLoad === undefined || meanTokens === undefined
        ? []
        : chains.map((chain) => usefulJobs(chain, (id) => terms.speeds.get(id), meanTokens, maxComputeLoad));
    return { chains, scheduling, describeJob, jobLimits, serverCacheBytes: cacheOfServers(terms, plan) };
  }
  // As if each chain had servers of its own, with the cache of its slots.
  const serverCacheBytes = new Map<string, number>();
  const apart = chains.map((chain) => ({
    ...chain,
    hops: chain.hops.map((hop) => {
      const serverId = `${hop.serverId}${APART}${chain.id}`;
      const tokens = chain.slots * (planTokens ?? sessionTokens);
      serverCacheBytes.set(serverId, tokens * hop.blockCount * cacheBytesPerToken);
      return { ...hop, serverId };
    }),
  }));
  return { chains: apart, scheduling, describeJob, serverCacheBytes };
}

/** What is left beside each server's blocks. */
function cacheOfServers({ model, servers }: SchedulingTerms, plan: FeasiblePlan): Map<string, number> {
  const hosted = new Map(plan.placement.map((span) => [span.serverId, span.blockCount]));
  return new Map(
    servers.map(({ id, memoryBytes }) => [id, Math.max(0, memoryBytes - model.blockBytes * (hosted.get(id) ?? 0))]),
  );
}

/** Tokens in and out of each job, and how long they take on the fastest chain beside the typical job. */
function jobDescriptions(terms: SchedulingTerms, chains: readonly Chain[]): TokenSimulation['describeJob'] & {} {
  const { tokens } = terms.jobs;
  const [fastest] = chains;
  const seconds = tokenServiceSeconds(terms, chains);
  if (tokens === undefined || seconds === undefined || fastest === undefined) {
    return (job) => ({ size: terms.jobs.sizes[job] ?? 1 });
  }
  return (job) => ({
    tokens: (tokens.input[job] ?? 1) + (tokens.output[job] ?? 1),
    size: seconds(job, 0) / fastest.serviceSeconds,
  });
}
