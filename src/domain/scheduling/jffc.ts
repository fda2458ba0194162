import type { CacheTable, ChainState } from './cache-table.ts';

/**
 * Join the Fastest Free Chain (Algorithm 3 of Sun, He, Hou, arXiv 2604.14993): the chain of the
 * smallest mean service time among those with room for the job (the paper: a free slot); ties go to the
 * first in the plan's order. Undefined: none has room, the job waits in the one central queue.
 */
export function pickFastestFreeChain<State extends ChainState>(
  table: CacheTable<State>,
  tokens: number,
): State | undefined {
  return table.fastestFree(tokens);
}
