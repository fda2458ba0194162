/** What the planner knows of a model. */
export interface ModelShape {
  readonly id: string;
  /** L: number of transformer blocks, >= 1. */
  readonly blockCount: number;
  /** s_m: memory of one block's parameters, bytes > 0, kept once per server that hosts it. */
  readonly blockBytes: number;
  /** s_c: cache of one session for one block at the session limit, bytes > 0. */
  readonly cacheBytesPerBlock: number;
}
