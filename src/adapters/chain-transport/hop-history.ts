import type { HistoryMemory } from '../../application/ports/chain-transport.ts';

/** Rows are kept in pieces of about this many bytes: small requests take little, long ones few pieces. */
const SLAB_BYTES = 128 * 1024;

/** The inputs that a hop has answered, from position 0 on: what it takes to rebuild its cache elsewhere. */
export interface HopHistory {
  /** Positions it has seen. */
  readonly rows: number;
  /** Whether all of them can be read again. */
  readonly isComplete: boolean;
  /** Takes the rows that it has not seen yet. @param hidden float32[tokens, hidden], the input of these positions */
  append(position: number, tokens: number, hidden: Float32Array): void;
  /** float32[tokens, hidden] of positions that were appended. Only while complete. */
  read(position: number, tokens: number): Float32Array;
  /** Gives the memory back; not complete any more. Idempotent. */
  drop(): void;
}

/** Inputs that somebody else can produce again: nothing is kept. */
export class RecalledHistory implements HopHistory {
  rows = 0;
  readonly isComplete = true;
  readonly read: (position: number, tokens: number) => Float32Array;

  /** @param recall gives the inputs of positions that were fed before */
  constructor(recall: (position: number, tokens: number) => Float32Array) {
    this.read = recall;
  }

  append(position: number, tokens: number): void {
    this.rows = Math.max(this.rows, position + tokens);
  }

  drop(): void {}
}

/** Inputs kept as float32 outside the heap, as long as the memory lasts. */
export class KeptHistory implements HopHistory {
  readonly #memory: HistoryMemory;
  readonly #hiddenSize: number;
  readonly #slabRows: number;
  #slabs: Float32Array[] = [];
  #bytes = 0;
  #rows = 0;
  #isComplete = true;

  /** @param maxRows rows that will ever be appended, >= 1 */
  constructor(memory: HistoryMemory, hiddenSize: number, maxRows: number) {
    this.#memory = memory;
    this.#hiddenSize = hiddenSize;
    const rowBytes = hiddenSize * Float32Array.BYTES_PER_ELEMENT;
    this.#slabRows = Math.min(maxRows, Math.max(1, Math.floor(SLAB_BYTES / rowBytes)));
  }

  get rows(): number {
    return this.#rows;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  append(position: number, tokens: number, hidden: Float32Array): void {
    const known = this.#rows - position;
    if (known >= tokens) return;
    const from = this.#rows;
    this.#rows = position + tokens;
    if (!this.#isComplete) return;
    if (!this.#grow()) {
      this.drop();
      return;
    }
    this.#eachPart(from, this.#rows - from, (slab, start, row, rows) => {
      const offset = (row - position) * this.#hiddenSize;
      slab.set(hidden.subarray(offset, offset + rows * this.#hiddenSize), start);
    });
  }

  read(position: number, tokens: number): Float32Array {
    const hidden = new Float32Array(tokens * this.#hiddenSize);
    this.#eachPart(position, tokens, (slab, start, row, rows) => {
      hidden.set(slab.subarray(start, start + rows * this.#hiddenSize), (row - position) * this.#hiddenSize);
    });
    return hidden;
  }

  drop(): void {
    this.#isComplete = false;
    this.#memory.give(this.#bytes);
    this.#bytes = 0;
    this.#slabs = [];
  }

  /** Room for `rows`; false when the memory is used up. */
  #grow(): boolean {
    const slabBytes = this.#slabRows * this.#hiddenSize * Float32Array.BYTES_PER_ELEMENT;
    while (this.#slabs.length * this.#slabRows < this.#rows) {
      if (!this.#memory.take(slabBytes)) return false;
      this.#bytes += slabBytes;
      this.#slabs.push(new Float32Array(Buffer.allocUnsafeSlow(slabBytes).buffer));
    }
    return true;
  }

  /** Visits rows [position, position + tokens) slab by slab. @param visit slab, offset in it, first row, rows */
  #eachPart(
    position: number,
    tokens: number,
    visit: (slab: Float32Array, start: number, row: number, rows: number) => void,
  ): void {
    const end = position + tokens;
    for (let row = position; row < end; ) {
      const within = row % this.#slabRows;
      const rows = Math.min(this.#slabRows - within, end - row);
      visit(this.#slabs[Math.floor(row / this.#slabRows)] as Float32Array, within * this.#hiddenSize, row, rows);
      row += rows;
    }
  }
}
