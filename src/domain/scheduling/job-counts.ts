/** Totals since the start: arrived = completed + cancelled + failed + rejected + expired + running + waiting. */
export interface JobCounts {
  arrived: number;
  completed: number;
  cancelled: number;
  failed: number;
  rejected: number;
  expired: number;
}
