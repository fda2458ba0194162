import type { PlacedSpan, Placement } from '../model/placement.ts';
import type { Server } from '../model/server.ts';
import { endBlock, type Span } from '../model/span.ts';
import { type SwarmDemand, usableSpan } from './placement-outlook.ts';
import { blocksThatFit } from './span-positions.ts';

/** Servers that one repair moves, at most: beyond that it is time for a new plan. */
const MAX_MOVES = 3;

/** Moves looked at for each number of moves; small swarms are searched completely, large ones from the most promising move on. */
const MAX_LOOKS = 20_000;

/** Repairs handed out to choose from. */
const MAX_REPAIRS = 24;

/**
 * Placements that cover every block again and differ from `current` in as few spans as possible, three
 * at most; several when there is a choice, none when that is not enough. Each moved or newly placed
 * server gets the blocks that fit beside `reservedSlots` caches, or beside one where that is too few.
 *
 * Complete up to its bound: whatever set of moves covers everything, one of them covers the first
 * uncovered block, so it is enough to branch there.
 */
export function findRepairs(demand: SwarmDemand, current: Placement, reservedSlots: number): readonly Placement[] {
  const widths = [...new Set([reservedSlots, 1])];
  for (let moves = 1; moves <= MAX_MOVES; moves += 1) {
    for (const slots of widths) {
      const search = new RepairSearch(demand, current, slots);
      search.branch(moves);
      if (search.found.length > 0) return search.found;
    }
  }
  return [];
}

interface MovableServer {
  readonly server: Server;
  /** Blocks that it would host after a move. */
  readonly width: number;
  /** What a chain can use of its present span; undefined: nothing. */
  readonly usable: Span | undefined;
  moved: Span | undefined;
}

class RepairSearch {
  readonly found: Placement[] = [];
  readonly #demand: SwarmDemand;
  readonly #current: Placement;
  readonly #movable: readonly MovableServer[];
  /** Servers through which a chain can run each block. */
  readonly #coverage: Int32Array;
  #looks = MAX_LOOKS;

  constructor(demand: SwarmDemand, current: Placement, reservedSlots: number) {
    this.#demand = demand;
    this.#current = current;
    this.#coverage = new Int32Array(demand.model.blockCount);
    const hosted = new Map(current.map((span) => [span.serverId, span]));
    const movable: MovableServer[] = [];
    for (const server of demand.servers) {
      const span = hosted.get(server.id);
      const usable = span && usableSpan(demand, server, span);
      if (usable !== undefined) this.#cover(usable, 1);
      const width = blocksThatFit(demand.model, server, reservedSlots);
      if (width > 0 && !demand.pinned.has(server.id)) movable.push({ server, width, usable, moved: undefined });
    }
    // Servers that hold nothing go first: nobody misses them.
    this.#movable = movable.sort((a, b) => Number(a.usable !== undefined) - Number(b.usable !== undefined));
  }

  /** Tries every set of at most `moves` moves that can cover what is uncovered now. */
  branch(moves: number): void {
    const gap = this.#gap();
    if (gap === undefined) {
      this.#keep();
      return;
    }
    if (moves === 0) return;
    if (moves === 1) this.#closeGap(gap);
    else this.#narrowGap(gap, moves);
  }

  /** The last move: one server must span everything that is uncovered, and what it leaves behind. */
  #closeGap(gap: Span): void {
    for (const mover of this.#movable) {
      if (mover.moved !== undefined || this.#isDone()) continue;
      this.#looks -= 1;
      this.#take(mover);
      const left = this.#gap() ?? gap;
      if (left.blockCount <= mover.width) {
        const latest = Math.min(left.firstBlock, this.#demand.model.blockCount - mover.width);
        const earliest = Math.max(0, endBlock(left) - mover.width);
        // As near as can be to where it is: the blocks that it has need not be loaded.
        const near = Math.max(earliest, Math.min(latest, mover.usable?.firstBlock ?? earliest));
        for (const firstBlock of new Set([near, earliest, Math.floor((earliest + latest) / 2), latest])) {
          mover.moved = { firstBlock, blockCount: mover.width };
          this.#keep();
        }
        mover.moved = undefined;
      }
      this.#put(mover);
    }
  }

  /** One of several moves: some server must cover the first uncovered block. The most covering one goes first. */
  #narrowGap(gap: Span, moves: number): void {
    const options: { readonly mover: MovableServer; readonly span: Span; readonly uncovered: number }[] = [];
    for (const mover of this.#movable) {
      if (mover.moved !== undefined) continue;
      this.#take(mover);
      const earliest = Math.max(0, gap.firstBlock - mover.width + 1);
      const latest = Math.min(gap.firstBlock, this.#demand.model.blockCount - mover.width);
      for (let firstBlock = earliest; firstBlock <= latest; firstBlock += 1) {
        const span = { firstBlock, blockCount: mover.width };
        options.push({ mover, span, uncovered: this.#uncoveredBeside(span) });
      }
      this.#put(mover);
    }
    options.sort((a, b) => a.uncovered - b.uncovered);
    for (const { mover, span } of options) {
      if (this.#isDone()) return;
      this.#looks -= 1;
      this.#take(mover);
      mover.moved = span;
      this.#cover(span, 1);
      this.branch(moves - 1);
      this.#cover(span, -1);
      mover.moved = undefined;
      this.#put(mover);
    }
  }

  #isDone(): boolean {
    return this.#looks <= 0 || this.found.length >= MAX_REPAIRS;
  }

  #take(mover: MovableServer): void {
    if (mover.usable !== undefined) this.#cover(mover.usable, -1);
  }

  #put(mover: MovableServer): void {
    if (mover.usable !== undefined) this.#cover(mover.usable, 1);
  }

  #cover(span: Span, by: 1 | -1): void {
    for (let block = span.firstBlock; block < endBlock(span); block += 1)
      this.#coverage[block] = (this.#coverage[block] ?? 0) + by;
  }

  /** From the first uncovered block to the last. */
  #gap(): Span | undefined {
    const firstBlock = this.#coverage.indexOf(0);
    if (firstBlock < 0) return undefined;
    return { firstBlock, blockCount: this.#coverage.lastIndexOf(0) - firstBlock + 1 };
  }

  #uncoveredBeside(span: Span): number {
    let uncovered = 0;
    this.#coverage.forEach((servers, block) => {
      if (servers === 0 && (block < span.firstBlock || block >= endBlock(span))) uncovered += 1;
    });
    return uncovered;
  }

  #keep(): void {
    if (this.found.length >= MAX_REPAIRS) return;
    const spans = new Map<string, PlacedSpan>(this.#current.map((span) => [span.serverId, span]));
    for (const { server, moved } of this.#movable)
      if (moved !== undefined) spans.set(server.id, { serverId: server.id, ...moved });
    this.found.push(this.#demand.servers.flatMap((server) => spans.get(server.id) ?? []));
  }
}
