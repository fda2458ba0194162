import type { Hop } from '../domain/model/chain.ts';

export type JobHop = Pick<Hop, 'serverId' | 'blockCount'>;

/** What became of each job, by its position in the workload. Seconds; NaN for a job that was rejected. */
export interface JobRecords {
  readonly arrivalSeconds: Float64Array;
  /** When it got its slot. */
  readonly startSeconds: Float64Array;
  readonly endSeconds: Float64Array;
  /** How long it was predicted to wait when it came, where waits are predicted; NaN for a job that started at once. */
  readonly predictedWaitSeconds?: Float64Array;
  /** When its first token was out, where the simulation runs token by token. */
  readonly firstTokenSeconds?: Float64Array;
  /** Where a job ran, and the blocks that it used there; empty for one that was rejected. Absent: not kept. */
  readonly hopsOf?: (job: number) => readonly JobHop[];
}

/** The same from the position of each job's chain, -1 for one that has none. */
export function hopsByChain(
  chains: readonly { readonly hops: readonly Hop[] }[],
  chainOf: Int32Array,
): (job: number) => readonly JobHop[] {
  return (job) => chains[chainOf[job] ?? -1]?.hops ?? [];
}
