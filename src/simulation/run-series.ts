import type { JobRecords } from './job-records.ts';

/** What happened over a run, for pictures: all in seconds of simulated time. */
export interface RunSeries {
  /** Response times of which the given shares of the jobs stayed below or at. */
  readonly responseQuantiles: readonly { readonly share: number; readonly seconds: number }[];
  /** By the middle of equal stretches of time; response times of the jobs that arrived then, undefined where none did. */
  readonly overTime: readonly {
    readonly atSeconds: number;
    readonly medianResponse: number | undefined;
    readonly p95Response: number | undefined;
    /** Mean number of waiting jobs. */
    readonly waiting: number;
  }[];
}

const QUANTILES = 200;

/**
 * The course of a run in `stretches` equal stretches from time 0 to the last arrival; the jobs that are left then
 * run out without others, which says nothing. Rejected jobs are left out.   O(n log n + n * stretches waited)
 */
export function runSeries({ arrivalSeconds, startSeconds, endSeconds }: JobRecords, stretches: number): RunSeries {
  const span = arrivalSeconds.at(-1) ?? 0;
  const width = Math.max(span, Number.MIN_VALUE) / stretches;
  const stretchOf = (seconds: number): number => Math.min(stretches - 1, Math.floor(seconds / width));
  const responses: number[][] = Array.from({ length: stretches }, () => []);
  const waited = new Float64Array(stretches);
  const all: number[] = [];
  for (let job = 0; job < arrivalSeconds.length; job += 1) {
    const arrival = arrivalSeconds[job] ?? 0;
    const start = startSeconds[job] ?? Number.NaN;
    const end = endSeconds[job] ?? Number.NaN;
    if (Number.isNaN(end)) continue;
    all.push(end - arrival);
    responses[stretchOf(arrival)]?.push(end - arrival);
    for (let k = stretchOf(arrival); k < stretches && k * width < start; k += 1) {
      const overlap = Math.min(start, (k + 1) * width) - Math.max(arrival, k * width);
      waited[k] = (waited[k] ?? 0) + Math.max(0, overlap);
    }
  }
  all.sort((a, b) => a - b);
  return {
    responseQuantiles: all.length === 0 ? [] : shares().map((share) => ({ share, seconds: quantile(all, share) })),
    overTime: responses.map((some, k) => {
      some.sort((a, b) => a - b);
      const isEmpty = some.length === 0;
      return {
        atSeconds: (k + 0.5) * width,
        medianResponse: isEmpty ? undefined : quantile(some, 0.5),
        p95Response: isEmpty ? undefined : quantile(some, 0.95),
        waiting: (waited[k] ?? 0) / width,
      };
    }),
  };
}

/** Evenly spread, and the last one in a hundred closer. */
function shares(): number[] {
  const even = Array.from({ length: QUANTILES }, (_, i) => i / QUANTILES);
  return [...even, 0.996, 0.997, 0.998, 0.999, 1];
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}
