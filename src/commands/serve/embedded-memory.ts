import type { ModelShape } from '../../domain/model/model.ts';

/** Shares of the model's blocks that the servers have room for, in turn: neighbours make up a whole chain. */
const SHARES = [2 / 3, 1 / 2, 1 / 2, 1 / 2];

/** Sessions whose caches a server has room for beside its blocks, at most. */
const MAX_SESSIONS = 3;

/**
 * Memory budgets for the servers of an embedded swarm, all different: none holds the whole model (unless
 * there is only one server), two neighbours do, so that four servers form at least two chains.
 * @param servers >= 1   @returns bytes, one budget a server
 */
export function embeddedMemoryBudgets(servers: number, model: ModelShape): number[] {
  const { blockCount, blockBytes, cacheBytesPerBlock } = model;
  if (servers === 1) return [blockCount * (blockBytes + MAX_SESSIONS * cacheBytesPerBlock)];
  return Array.from({ length: servers }, (_, index) => {
    const blocks = Math.max(1, Math.ceil((SHARES[index % SHARES.length] ?? 1) * blockCount));
    const sessions = Math.min(MAX_SESSIONS, sessionsBeside(blocks, model));
    // Half a block's cache more for each next server keeps budgets apart that would be equal.
    return blocks * (blockBytes + sessions * cacheBytesPerBlock) + Math.floor((index * cacheBytesPerBlock) / 2);
  });
}

/** As many sessions as leave the budget below the whole model's blocks, at least one. */
function sessionsBeside(blocks: number, model: ModelShape): number {
  const budget = model.blockCount * model.blockBytes - 1;
  return Math.max(1, Math.floor((budget / blocks - model.blockBytes) / model.cacheBytesPerBlock));
}
