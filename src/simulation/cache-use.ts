import type { FeasiblePlan } from '../domain/model/plan.ts';
import type { JobRecords } from './job-records.ts';
import type { Contest, Contestant } from './run-contestant.ts';
import { serverIdOf } from './token-scheduling.ts';

/**
 * Mean share of each server's cache that jobs held, from time 0 to the last arrival, by server id: of servers that
 * host blocks. A job holds a slot of the longest session, or its tokens, of every block that it runs on there.
 * O(jobs * hops)
 */
export function meanCacheUse(
  { model, servers, jobs, sessionTokens }: Contest,
  { cache }: Contestant,
  plan: FeasiblePlan,
  { arrivalSeconds, startSeconds, endSeconds, hopsOf }: JobRecords,
): Map<string, number> {
  const hosted = new Map(plan.placement.map((span) => [span.serverId, span.blockCount]));
  const cacheBytes = new Map<string, number>();
  for (const { id, memoryBytes } of servers) {
    const bytes = memoryBytes - model.blockBytes * (hosted.get(id) ?? 0);
    if (hosted.has(id) && bytes > 0) cacheBytes.set(id, bytes);
  }
  const { tokens } = jobs;
  const bytesPerBlockOf = (job: number): number =>
    cache === 'slots' || tokens === undefined || sessionTokens === undefined
      ? model.cacheBytesPerBlock
      : (((tokens.input[job] ?? 0) + (tokens.output[job] ?? 0)) * model.cacheBytesPerBlock) / sessionTokens;
  const span = arrivalSeconds.at(-1) ?? 0;
  const byteSeconds = new Map<string, number>();
  for (let job = 0; job < arrivalSeconds.length; job += 1) {
    const held = Math.min(endSeconds[job] ?? Number.NaN, span) - Math.min(startSeconds[job] ?? Number.NaN, span);
    if (!(held > 0)) continue;
    for (const hop of hopsOf?.(job) ?? []) {
      const id = serverIdOf(hop.serverId);
      byteSeconds.set(id, (byteSeconds.get(id) ?? 0) + held * hop.blockCount * bytesPerBlockOf(job));
    }
  }
  return new Map([...cacheBytes].map(([id, bytes]) => [id, (byteSeconds.get(id) ?? 0) / (Math.max(span, 1) * bytes)]));
}
