import type { BaselineRouter, Route } from '../domain/planning/baselines/baseline-routing.ts';
import type { JobHop, JobRecords } from './job-records.ts';
import type { SimulatedJobs } from './workloads.ts';

/**
 * Runs jobs through a router that sends each off when it arrives: what became of them under the
 * paper's service model.
 * @param extraSeconds spent outside the servers by every job, part of its response
 * @param serverIds by position, as routes name servers
 */
export function simulateRouted(
  router: BaselineRouter,
  jobs: SimulatedJobs,
  extraSeconds = 0,
  serverIds: readonly string[] = [],
): JobRecords {
  const startSeconds = new Float64Array(jobs.count).fill(Number.NaN);
  const endSeconds = new Float64Array(jobs.count).fill(Number.NaN);
  const routes = new Map<number, Route>();
  for (let job = 0; job < jobs.count; job += 1) {
    const now = jobs.arrivalSeconds[job] ?? 0;
    const size = jobs.sizes[job] ?? 1;
    const routed = router.route(now, size, extraSeconds);
    if (routed === undefined) continue;
    routes.set(job, routed.route);
    startSeconds[job] = now + routed.waitSeconds;
    endSeconds[job] = now + extraSeconds + size * routed.serviceSeconds + routed.waitSeconds;
  }
  const hopsOf = (job: number): readonly JobHop[] => {
    const { servers = [], blockCounts = [] } = routes.get(job) ?? {};
    return servers.map((server, h) => ({ serverId: serverIds[server] ?? '', blockCount: blockCounts[h] ?? 0 }));
  };
  return { arrivalSeconds: jobs.arrivalSeconds, startSeconds, endSeconds, hopsOf };
}
