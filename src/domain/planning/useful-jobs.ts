import type { Chain } from '../model/chain.ts';
import { computationSecondsPerBlock, type SharedServerSpeeds, type TokenWorkload } from './service-times.ts';

/**
 * Jobs at once on a chain that still raise its throughput, times `factor`, at least 1.
 *
 * Alone a job keeps the busiest server of its chain occupied for w of its T seconds; with beta the share of
 * a step that others wait for, n jobs need at least n beta w there. So throughput grows with n up to
 * T / (beta w), and beyond that further jobs only wait inside the chain instead of in the queue.
 * @param speedsOf of each server of the chain; undefined: nothing is known, and the number has no limit
 * @param factor > 0: 1 is where throughput flattens
 */
export function usefulJobs(
  chain: Chain,
  speedsOf: (serverId: string) => SharedServerSpeeds | undefined,
  workload: TokenWorkload,
  factor: number,
): number {
  let busiest = 0;
  for (const { serverId, blockCount } of chain.hops) {
    const speeds = speedsOf(serverId);
    if (speeds === undefined) return Number.POSITIVE_INFINITY;
    const exclusive = speeds.concurrencySlope * blockCount * computationSecondsPerBlock(speeds, workload);
    busiest = Math.max(busiest, exclusive);
  }
  if (!(busiest > 0)) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.ceil((factor * chain.serviceSeconds) / busiest));
}
