/** What became of each job, by its position in the workload. Seconds; NaN for a job that was rejected. */
export interface JobRecords {
  readonly arrivalSeconds: Float64Array;
  /** When it got its slot. */
  readonly startSeconds: Float64Array;
  readonly endSeconds: Float64Array;
  /** When its first token was out, where the simulation runs token by token. */
  readonly firstTokenSeconds?: Float64Array;
}
