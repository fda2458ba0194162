/** What the planner knows of a server: its memory and the two mean service times of the paper. */
export interface Server {
  readonly id: string;
  /** M_j: bytes for blocks and caches together, > 0. */
  readonly memoryBytes: number;
  /** tau^c_j: seconds of all communication of one job with this server, >= 0. */
  readonly communicationSeconds: number;
  /** tau^p_j: seconds this server needs for one block of one job (all its tokens), > 0. */
  readonly computationSecondsPerBlock: number;
}
