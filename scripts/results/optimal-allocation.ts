import highs from 'highs';
import type { IndexedPlacement, IndexedSwarm } from '../../src/domain/planning/indexed-swarm.ts';

/** A chain as the integer programme knows it. */
interface PossibleChain {
  readonly serviceSeconds: number;
  /** Cache slots that one job takes, by server position. */
  readonly slotsTaken: ReadonlyMap<number, number>;
}

export interface OptimalAllocation {
  /** The largest service rate that any capacities of any chains reach, 1/s. */
  largestRate(): number;
  /** The fewest jobs at once whose chains serve `ratePerSecond`; undefined when none do. */
  fewestSlots(ratePerSecond: number): number | undefined;
}

const MAX_CHAINS = 5_000;

/** The package's types describe its CommonJS form; imported, the default export is the loader itself. */
const loadHighs = highs as unknown as typeof highs.default;

/**
 * What the cache of a placement could give at most: integer programmes over all chains there are.
 * @param slots cache slots by server position
 */
export async function solveAllocations(
  swarm: IndexedSwarm,
  placement: IndexedPlacement,
  slots: Float64Array,
): Promise<OptimalAllocation> {
  const chains = allChains(swarm, placement, slots);
  const solver = await loadHighs();
  const name = (k: number): string => `x${k}`;
  const rate = chains.map(({ serviceSeconds }, k) => `${(1 / serviceSeconds).toFixed(12)} ${name(k)}`).join(' + ');
  const capacity = Array.from(slots, (most, j) => {
    const taken = chains.flatMap(({ slotsTaken }, k) => {
      const own = slotsTaken.get(j);
      return own === undefined ? [] : [`${own} ${name(k)}`];
    });
    return taken.length === 0 ? '' : ` s${j}: ${taken.join(' + ')} <= ${most}\n`;
  }).join('');
  const integers = `General\n ${chains.map((_, k) => name(k)).join(' ')}\nEnd\n`;
  const solve = (problem: string): number | undefined => {
    const { Status, ObjectiveValue } = solver.solve(problem, { mip_rel_gap: 0, mip_abs_gap: 1e-9 });
    return Status === 'Optimal' ? ObjectiveValue : undefined;
  };
  return {
    largestRate: () => solve(`Maximize\n obj: ${rate}\nSubject To\n${capacity}${integers}`) ?? 0,
    fewestSlots: (ratePerSecond) => {
      const all = chains.map((_, k) => name(k)).join(' + ');
      return solve(`Minimize\n obj: ${all}\nSubject To\n rate: ${rate} >= ${ratePerSecond}\n${capacity}${integers}`);
    },
  };
}

function allChains(swarm: IndexedSwarm, placement: IndexedPlacement, slots: Float64Array): PossibleChain[] {
  const chains: PossibleChain[] = [];
  const extend = (from: number, serviceSeconds: number, slotsTaken: ReadonlyMap<number, number>): void => {
    if (from === swarm.blockCount) {
      chains.push({ serviceSeconds, slotsTaken });
      if (chains.length > MAX_CHAINS) throw new Error('too many chains for an integer programme');
      return;
    }
    placement.blockCount.forEach((count, j) => {
      const start = placement.firstBlock[j] ?? 0;
      const blocks = start + count - from;
      if (count === 0 || start > from || blocks < 1 || (slots[j] ?? 0) < blocks) return;
      const seconds = (swarm.communicationSeconds[j] ?? 0) + blocks * (swarm.computationSeconds[j] ?? 0);
      extend(start + count, serviceSeconds + seconds, new Map([...slotsTaken, [j, blocks]]));
    });
  };
  extend(0, 0, new Map());
  return chains;
}
