import type { PoolServer } from './swarm-pool.ts';

/** A way to place servers under churn. It tells its `SwarmEvents` what it does. */
export interface Contestant {
  join(server: PoolServer): void;
  leave(server: PoolServer): void;
  /** A request arrived: what estimates of the arrival rate are made from. */
  arrived(): void;
  stop(): void;
}
