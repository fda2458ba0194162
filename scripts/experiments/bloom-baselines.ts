import type { BaselineRouter } from '../../src/domain/planning/baselines/baseline-routing.ts';
import { createPetalsRouter, createWsRrRouter } from '../../src/domain/planning/baselines/baseline-routing.ts';
import { cgBpReservation, placeCgBp } from '../../src/domain/planning/baselines/cg-bp.ts';
import { placePetals } from '../../src/domain/planning/baselines/petals-placement.ts';
import { uncoveredBlocks } from '../../src/domain/planning/gbp-cr.ts';
import { cacheSlots } from '../../src/domain/planning/gca.ts';
import type { IndexedPlacement, IndexedSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import { indexSwarm } from '../../src/domain/planning/indexed-swarm.ts';
import type { BloomSwarm } from './bloom-swarm.ts';
import { OUTPUT_TOKENS, shuffled } from './bloom-swarm.ts';

const PETALS = {
  reservedBytes: 2 * 2 ** 30,
  blockBytes: 0.53125 * 1.01 * 2_466_437_120,
  cacheBytesPerBlock: 2 * 14_336 * 4096 * 2,
  /** Requests per second of the two kinds of servers: compute, network. */
  fast: { forward: 20_829.38, network: 3_020.37 },
  slow: { forward: 5_515.44, network: 6_276.2 },
};
/** What the paper's authors cut slow PETALS servers to, blocks. */
export const PETALS_CUT = 4;

/** BPRR as the paper's authors model it: CG-BP's placement, routed by WS-RR. */
export function createBprr(bloom: BloomSwarm, arrivalRatePerSecond: number): BaselineRouter {
  const { swarm, placement } = placeBprr(bloom, arrivalRatePerSecond);
  return createWsRrRouter({ swarm, placement, slots: cacheSlots(swarm, placement) });
}

/** CG-BP's placement with the round trips and kinds of the drawn servers. */
export function placeBprr(
  bloom: BloomSwarm,
  arrivalRatePerSecond: number,
): { readonly swarm: IndexedSwarm; readonly placement: IndexedPlacement; readonly reservedSlots: number } {
  const swarm = indexSwarm(bloom.model, bloom.servers);
  const input = {
    swarm,
    arrivalRatePerSecond,
    rttSeconds: bloom.topology.rttSeconds,
    outputTokens: OUTPUT_TOKENS,
    isHighPerformance: bloom.isFast,
  };
  const reservedSlots = cgBpReservation(input);
  return { swarm, placement: placeCgBp(input, reservedSlots), reservedSlots };
}

/**
 * PETALS as the paper's authors model it; undefined where it leaves blocks without a server.
 * @param slowBlocks blocks of a slow server at most
 */
export function createPetals(bloom: BloomSwarm, slowBlocks: number, seed: number): BaselineRouter | undefined {
  const { model, isFast, topology } = bloom;
  const swarm = indexSwarm(model, bloom.servers);
  const joining = bloom.servers.map(({ memoryBytes }, j) => {
    const { forward, network } = isFast[j] ? PETALS.fast : PETALS.slow;
    const fitting = Math.floor((memoryBytes - PETALS.reservedBytes) / (PETALS.blockBytes + PETALS.cacheBytesPerBlock));
    const blockCount = isFast[j] ? fitting : Math.min(fitting, slowBlocks);
    return { blockCount, throughput: Math.min(forward / ((1 + blockCount) / 2), network) };
  });
  const placement = placePetals(model.blockCount, joining, shuffled(joining.length, seed, 'join order'));
  if (uncoveredBlocks(placement, model.blockCount) > 0) return undefined;
  return createPetalsRouter({
    swarm,
    placement,
    slots: placement.blockCount.map((count) =>
      Math.floor((PETALS.cacheBytesPerBlock * count) / model.cacheBytesPerBlock),
    ),
    ...topology,
    outputTokens: OUTPUT_TOKENS,
    sessionsPerServer: Math.floor(PETALS.cacheBytesPerBlock / model.cacheBytesPerBlock),
  });
}
