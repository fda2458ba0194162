import type { ChainState, SlotTable } from './slot-table.ts';

/**
 * Join the Fastest Free Chain (Algorithm 3 of Sun, He, Hou, arXiv 2604.14993): the chain of the
 * smallest mean service time among those with a free slot; ties go to the first in the plan's order.
 * Undefined: none is free, the job waits in the one central queue.
 */
export function pickFastestFreeChain(table: SlotTable): ChainState | undefined {
  return table.fastestFree();
}
