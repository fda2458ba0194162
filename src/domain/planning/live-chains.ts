import type { Chain } from '../model/chain.ts';
import type { ModelShape } from '../model/model.ts';
import type { Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import { cacheSlots, composeChains } from './gca.ts';
import { indexPlacement, indexSwarm, nameChains } from './indexed-swarm.ts';

export interface LiveChains {
  /** Ascending by service time. */
  readonly chains: readonly Chain[];
  /** Whole cache slots of each server beside its blocks. */
  readonly serverSlots: ReadonlyMap<string, number>;
  /** Bytes of each server beside its blocks. */
  readonly serverCacheBytes: ReadonlyMap<string, number>;
}

/**
 * The chains over what servers really host now. When all of a plan's spans are loaded these are the
 * plan's own chains, since GCA is deterministic; before that, the best that the loaded ones allow.
 * @param servers sorted by id, those that accept sessions   @param hosted their spans
 */
export function composeLiveChains(model: ModelShape, servers: readonly Server[], hosted: Placement): LiveChains {
  const swarm = indexSwarm(model, servers);
  const placement = indexPlacement(swarm, hosted);
  const chains = nameChains(swarm, composeChains(swarm, placement) ?? []);
  const slots = cacheSlots(swarm, placement);
  return {
    chains,
    serverSlots: new Map(servers.map((server, j) => [server.id, slots[j] ?? 0])),
    serverCacheBytes: new Map(
      servers.map(({ id, memoryBytes }, j) => {
        return [id, Math.max(0, memoryBytes - model.blockBytes * (placement.blockCount[j] ?? 0))];
      }),
    ),
  };
}
