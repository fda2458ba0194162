/**
 * A set of ranks 0..size-1 that answers "smallest member, at or after a rank" quickly: bits in words
 * of 32, summarised by bits per word, level by level (2,000 ranks need three levels). All operations
 * O(log_32 size), without allocation.
 */
export class RankSet {
  readonly size: number;
  readonly #levels: Uint32Array[] = [];

  constructor(size: number) {
    this.size = size;
    let words = Math.max(1, Math.ceil(size / 32));
    for (;;) {
      this.#levels.push(new Uint32Array(words));
      if (words === 1) break;
      words = Math.ceil(words / 32);
    }
  }

  add(rank: number): void {
    let index = rank;
    for (const level of this.#levels) {
      const word = index >>> 5;
      const before = level[word] as number;
      level[word] = before | (1 << (index & 31));
      if (before !== 0) return;
      index = word;
    }
  }

  delete(rank: number): void {
    let index = rank;
    for (const level of this.#levels) {
      const word = index >>> 5;
      const after = (level[word] as number) & ~(1 << (index & 31));
      level[word] = after;
      if (after !== 0) return;
      index = word;
    }
  }

  has(rank: number): boolean {
    const level = this.#levels[0] as Uint32Array;
    return (((level[rank >>> 5] ?? 0) >>> (rank & 31)) & 1) === 1;
  }

  /** Smallest member >= `from`, or -1. */
  firstFrom(from: number): number {
    let index = from;
    for (let depth = 0; depth < this.#levels.length; depth += 1) {
      const level = this.#levels[depth] as Uint32Array;
      const word = index >>> 5;
      if (word >= level.length) return -1;
      const bits = ((level[word] as number) >>> (index & 31)) << (index & 31);
      if (bits !== 0) return this.#descend(depth, (word << 5) | lowestBit(bits));
      index = word + 1;
    }
    return -1;
  }

  #descend(depth: number, start: number): number {
    let index = start;
    for (let below = depth - 1; below >= 0; below -= 1) {
      index = (index << 5) | lowestBit((this.#levels[below] as Uint32Array)[index] as number);
    }
    return index;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
