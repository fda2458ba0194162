import type { JobRecords } from '../../src/simulation/job-records.ts';

/** Mean response time of all jobs but the first ones, seconds. */
export function meanResponse(records: JobRecords, warmUpShare = 0): number {
  const first = Math.floor(warmUpShare * records.endSeconds.length);
  let sum = 0;
  for (let job = first; job < records.endSeconds.length; job += 1) {
    sum += (records.endSeconds[job] ?? 0) - (records.arrivalSeconds[job] ?? 0);
  }
  return sum / (records.endSeconds.length - first);
}
