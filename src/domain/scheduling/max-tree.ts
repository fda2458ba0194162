/**
 * Numbers at positions 0..size-1 that answers "first position whose number is at least x": a binary tree
 * of maxima in one typed array. Both operations O(log size), without allocation.
 */
export class MaxTree {
  readonly #leaves: number;
  readonly #maxima: Float64Array;

  /** Every number starts below all others. @param size >= 0 */
  constructor(size: number) {
    let leaves = 1;
    while (leaves < size) leaves *= 2;
    this.#leaves = leaves;
    this.#maxima = new Float64Array(2 * leaves).fill(Number.NEGATIVE_INFINITY);
  }

  get(position: number): number {
    return this.#maxima[this.#leaves + position] as number;
  }

  set(position: number, value: number): void {
    const maxima = this.#maxima;
    let node = this.#leaves + position;
    maxima[node] = value;
    while (node > 1) {
      const other = maxima[node ^ 1] as number;
      const own = maxima[node] as number;
      node >>= 1;
      const most = Math.max(own, other);
      if (maxima[node] === most) return;
      maxima[node] = most;
    }
  }

  /** Smallest position whose number is >= `value`, or -1. */
  firstAtLeast(value: number): number {
    const maxima = this.#maxima;
    if ((maxima[1] as number) < value) return -1;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      if ((maxima[node] as number) < value) node += 1;
    }
    return node - this.#leaves;
  }
}
