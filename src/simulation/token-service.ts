import type { Chain } from '../domain/model/chain.ts';
import type { Server } from '../domain/model/server.ts';
import type { SharedServerSpeeds } from '../domain/planning/service-times.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../domain/planning/service-times.ts';
import type { SimulatedJobs } from './workloads.ts';

export interface TokenServiceTerms {
  readonly servers: readonly Server[];
  readonly jobs: SimulatedJobs;
  /** Speeds of the servers that have them. */
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly hiddenBytesPerToken: number;
}

/**
 * The service time of each job by its own tokens, where the jobs have them: servers with speeds take
 * what its tokens need, the others their mean time.
 */
export function tokenServiceSeconds(
  contest: TokenServiceTerms,
  chains: readonly Chain[],
): ((job: number, chain: number) => number) | undefined {
  const { tokens } = contest.jobs;
  if (tokens === undefined) return undefined;
  const means = new Map(contest.servers.map((server) => [server.id, server]));
  return (job, k) => {
    const workload = { inputTokens: tokens.input[job] ?? 1, outputTokens: tokens.output[job] ?? 1 };
    let seconds = 0;
    for (const hop of chains[k]?.hops ?? []) {
      const speeds = contest.speeds.get(hop.serverId);
      const mean = means.get(hop.serverId);
      seconds +=
        speeds === undefined
          ? (mean?.communicationSeconds ?? 0) + hop.blockCount * (mean?.computationSecondsPerBlock ?? 0)
          : communicationSeconds(speeds, workload, contest.hiddenBytesPerToken) +
            hop.blockCount * computationSecondsPerBlock(speeds, workload);
    }
    return seconds;
  };
}
