import type { SwarmFile } from '../config/swarm-file.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import { UsageError } from './command-io.ts';

export interface SwarmSpeeds {
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly meanTokens: TokenWorkload;
  readonly hiddenBytesPerToken: number;
}

/**
 * What the shared-compute service model needs of a swarm.
 * @throws UsageError naming the first server that gives service times instead of speeds
 */
export function requireSpeeds(swarm: SwarmFile, name: string): SwarmSpeeds {
  const index = swarm.servers.findIndex((server) => !swarm.speeds.has(server.id));
  if (index >= 0 || swarm.workload === undefined) {
    throw new UsageError(
      `${name}: servers[${Math.max(0, index)}]: the shared-compute service model needs speeds, not service times; give ` +
        'rtt_seconds, prefill_seconds_per_token_per_block and decode_seconds_per_token_per_block, and a workload',
    );
  }
  return { speeds: swarm.speeds, meanTokens: swarm.workload, hiddenBytesPerToken: swarm.hiddenBytesPerToken };
}
