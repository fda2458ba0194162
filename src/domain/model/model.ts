/** What the planner knows of a model. */
export interface ModelShape {
  readonly id: string;
  /** L: number of transformer blocks, >= 1. */
  readonly blockCount: number;
  /** s_m: memory of one block's parameters, bytes > 0, kept once per server that hosts it. */
  readonly blockBytes: number;
  /** s_c: cache of one session for one block, bytes > 0: of the longest session, or of the one that plans reckon with. */
  readonly cacheBytesPerBlock: number;
  /** Where that is not the longest one: its cache for one block, bytes. No server is given so many blocks that it has no room for it. */
  readonly longestCacheBytesPerBlock?: number;
}
