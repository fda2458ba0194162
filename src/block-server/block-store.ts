import { endBlock, type Span } from '../domain/model/span.ts';
import { DispatcherError } from '../domain/shared/errors.ts';
import { invariant } from '../domain/shared/invariant.ts';
import type { CacheBudget } from './cache-budget.ts';

/** What the store needs of the thread that computes. */
export interface BlockLoader {
  load(block: number): Promise<void>;
  unload(block: number): void;
}

interface Move {
  readonly target: Span;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface HeldBlock {
  isReady: boolean;
  sessions: number;
}

const NOTHING: Span = { firstBlock: 0, blockCount: 0 };

/**
 * Moves a server from one span of blocks to another without ever exceeding its memory: blocks of both spans
 * stay, blocks that go leave when their last session ends, and each new one loads as soon as there is room.
 */
export class BlockStore {
  readonly #loader: BlockLoader;
  readonly #budget: CacheBudget;
  readonly #held = new Map<number, HeldBlock>();
  #target: Span = NOTHING;
  #move: Move | undefined;
  #isLoading = false;

  constructor(loader: BlockLoader, budget: CacheBudget) {
    this.#loader = loader;
    this.#budget = budget;
  }

  /** The longest run of loaded blocks of the target; undefined while there is none. */
  accepting(): Span | undefined {
    let best: Span = NOTHING;
    let first = this.#target.firstBlock;
    for (let block = first; block <= endBlock(this.#target); block += 1) {
      if (block < endBlock(this.#target) && this.#held.get(block)?.isReady === true) continue;
      if (block - first > best.blockCount) best = { firstBlock: first, blockCount: block - first };
      first = block + 1;
    }
    return best.blockCount > 0 ? best : undefined;
  }

  /**
   * Makes `target` the span to hold. Resolves when all its blocks are loaded.
   * @throws DispatcherError DSP_CANCELLED when a later call supersedes, DSP_BAD_WEIGHTS
   */
  moveTo(target: Span): Promise<void> {
    this.#abandonMove('a later plan took its place');
    this.#target = target;
    return new Promise((resolve, reject) => {
      this.#move = { target, resolve, reject };
      this.#advance();
    });
  }

  /** Ends the move under way and forgets the target. */
  close(): void {
    this.#abandonMove('the server stops');
    this.#target = NOTHING;
  }

  /** Keeps blocks in memory while a session runs on them. */
  retain(span: Span): void {
    for (const block of this.#heldBlocks(span)) block.sessions += 1;
  }

  release(span: Span): void {
    for (const block of this.#heldBlocks(span)) {
      block.sessions -= 1;
      invariant(block.sessions >= 0, 'a block is released once per session');
    }
    this.#advance();
  }

  /**
   * Runs `use` with a block that is in memory: one that is loaded anyway, or block 0 for as long as it takes.
   * @throws DispatcherError DSP_CACHE_FULL when there is no room for a block
   */
  async withAnyBlock<Value>(use: (block: number) => Promise<Value>): Promise<Value> {
    const present = [...this.#held].find(([, held]) => held.isReady);
    const block = present?.[0] ?? 0;
    const span = { firstBlock: block, blockCount: 1 };
    if (present !== undefined) this.retain(span);
    else {
      if (this.#isLoading || !this.#budget.tryAddBlock()) {
        throw new DispatcherError('DSP_CACHE_FULL', 'no block is loaded and there is no room for one to measure');
      }
      this.#held.set(block, { isReady: false, sessions: 1 });
      await this.#load(block);
    }
    try {
      return await use(block);
    } finally {
      this.release(span);
    }
  }

  #heldBlocks(span: Span): HeldBlock[] {
    return Array.from({ length: span.blockCount }, (_, i) => {
      const block = this.#held.get(span.firstBlock + i);
      invariant(block !== undefined, 'a session runs on blocks in memory');
      return block;
    });
  }

  #isWanted(block: number): boolean {
    return block >= this.#target.firstBlock && block < endBlock(this.#target);
  }

  /** Drops what is no longer wanted, then loads what is missing, as far as memory allows. */
  #advance(): void {
    for (const [block, held] of [...this.#held]) {
      if (this.#isWanted(block) || held.sessions > 0 || !held.isReady) continue;
      this.#held.delete(block);
      this.#budget.removeBlock();
      this.#loader.unload(block);
    }
    if (this.#isLoading) return;
    const missing = this.#nextMissing();
    if (missing === undefined) this.#finishMove();
    else if (this.#budget.tryAddBlock()) {
      this.#held.set(missing, { isReady: false, sessions: 0 });
      // A failure ends the move, inside #load.
      this.#load(missing).catch(() => undefined);
    }
  }

  /** Blocks next to what already accepts sessions come first, so that what is loaded stays one span. */
  #nextMissing(): number | undefined {
    const accepting = this.accepting();
    const from = accepting === undefined ? this.#target.firstBlock : endBlock(accepting);
    for (let block = from; block < endBlock(this.#target); block += 1) if (!this.#held.has(block)) return block;
    for (let block = from - 1; block >= this.#target.firstBlock; block -= 1) if (!this.#held.has(block)) return block;
    return undefined;
  }

  async #load(block: number): Promise<void> {
    this.#isLoading = true;
    try {
      await this.#loader.load(block);
      const held = this.#held.get(block);
      if (held !== undefined) held.isReady = true;
    } catch (error) {
      this.#held.delete(block);
      this.#budget.removeBlock();
      if (this.#isWanted(block)) {
        this.#move?.reject(error);
        this.#move = undefined;
        this.#target = this.accepting() ?? NOTHING;
      }
      throw error;
    } finally {
      this.#isLoading = false;
      this.#advance();
    }
  }

  #finishMove(): void {
    this.#move?.resolve();
    this.#move = undefined;
  }

  #abandonMove(reason: string): void {
    this.#move?.reject(new DispatcherError('DSP_CANCELLED', `the move to other blocks was given up: ${reason}`));
    this.#move = undefined;
  }
}
