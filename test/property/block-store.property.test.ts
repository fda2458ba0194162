/**
 * The moves of a block server against a loader that tests steer: at every moment blocks plus caches stay
 * within the memory (INV-7), sessions keep their blocks, and every move ends once sessions do.
 */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { BlockStore } from '../../src/block-server/block-store.ts';
import { CacheBudget } from '../../src/block-server/cache-budget.ts';
import { containsSpan, type Span } from '../../src/domain/model/span.ts';

const BLOCKS = 8;
const BLOCK_BYTES = 10;
const MEMORY_BYTES = 64;

class SteeredLoader {
  readonly loaded = new Set<number>();
  #pending: { readonly block: number; readonly resolve: () => void } | undefined;

  load(block: number): Promise<void> {
    expect(this.#pending).toBeUndefined();
    expect(this.loaded).not.toContain(block);
    return new Promise((resolve) => {
      this.#pending = { block, resolve };
    });
  }

  unload(block: number): void {
    expect(this.loaded.delete(block)).toBe(true);
  }

  get memoryBytes(): number {
    return (this.loaded.size + (this.#pending === undefined ? 0 : 1)) * BLOCK_BYTES;
  }

  async finishLoad(): Promise<boolean> {
    const pending = this.#pending;
    if (pending === undefined) return false;
    this.#pending = undefined;
    this.loaded.add(pending.block);
    pending.resolve();
    await settle();
    return true;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const span = fc
  .tuple(fc.integer({ min: 0, max: BLOCKS - 1 }), fc.integer({ min: 0, max: 5 }))
  .map(([firstBlock, count]): Span => ({ firstBlock, blockCount: Math.min(count, BLOCKS - firstBlock) }));
const command = fc.oneof(
  fc.record({ kind: fc.constant('host' as const), span }),
  fc.record({ kind: fc.constant('open' as const), span, bytes: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('close' as const), pick: fc.nat() }),
  fc.constant({ kind: 'load' as const }),
);

describe('BlockStore', () => {
  test.prop([fc.array(command, { maxLength: 60 })], { numRuns: 300 })(
    'keeps within memory whatever happens',
    async (commands) => {
      const loader = new SteeredLoader();
      const budget = new CacheBudget(MEMORY_BYTES, BLOCK_BYTES);
      const store = new BlockStore(loader, budget);
      const sessions: { readonly span: Span; readonly bytes: number }[] = [];
      let reserved = 0;
      let target: Span = { firstBlock: 0, blockCount: 0 };
      let lastMove: { readonly done: Promise<string> } | undefined;
      const close = (index: number): void => {
        const [session] = sessions.splice(index, 1);
        reserved -= session!.bytes;
        budget.release(session!.bytes);
        store.release(session!.span);
      };
      for (const next of commands) {
        if (next.kind === 'host') {
          target = next.span;
          budget.grant(MEMORY_BYTES - target.blockCount * BLOCK_BYTES);
          lastMove = {
            done: store.moveTo(target).then(
              () => 'moved',
              (error: Error) => error.message,
            ),
          };
        } else if (next.kind === 'load') await loader.finishLoad();
        else if (next.kind === 'close' && sessions.length > 0) close(next.pick % sessions.length);
        else if (next.kind === 'open' && next.span.blockCount > 0) {
          const accepting = store.accepting();
          if (accepting !== undefined && containsSpan(accepting, next.span) && next.bytes <= budget.freeBytes) {
            budget.reserve(next.bytes);
            store.retain(next.span);
            reserved += next.bytes;
            sessions.push(next);
          }
        }
        expect(loader.memoryBytes + reserved).toBeLessThanOrEqual(MEMORY_BYTES);
        expect(budget.usedBytes).toBe(loader.memoryBytes + reserved);
        for (const { span: held } of sessions) {
          for (let i = 0; i < held.blockCount; i += 1) expect(loader.loaded).toContain(held.firstBlock + i);
        }
        const accepting = store.accepting();
        if (accepting !== undefined) expect(containsSpan(target, accepting)).toBe(true);
      }
      while (sessions.length > 0) close(0);
      while (await loader.finishLoad());
      expect(store.accepting()).toEqual(target.blockCount > 0 ? target : undefined);
      expect([...loader.loaded].sort()).toEqual(
        Array.from({ length: target.blockCount }, (_, i) => target.firstBlock + i),
      );
      if (lastMove !== undefined) expect(await lastMove.done).toBe('moved');
      expect(budget.usedBytes).toBe(target.blockCount * BLOCK_BYTES);
    },
  );
});
