/** What a heap needs of its items: an order, and a place to remember where the item stands. */
export interface HeapItem {
  readonly key: number;
  /** Ties are broken by this, ascending. */
  readonly sequence: number;
  /** Written by the heap; -1 when the item is in none. */
  heapPosition: number;
}

/** Binary min-heap with removal of any item: push, pop and remove are O(log n), peek O(1). */
export class MinHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    item.heapPosition = this.#items.length;
    this.#items.push(item);
    this.#siftUp(item.heapPosition);
  }

  pop(): Item | undefined {
    const top = this.#items[0];
    if (top !== undefined) this.remove(top);
    return top;
  }

  /** Removes an item that is in this heap; one that is in none is left alone. */
  remove(item: Item): void {
    const position = item.heapPosition;
    if (position < 0) return;
    item.heapPosition = -1;
    const last = this.#items.pop() as Item;
    if (last === item) return;
    this.#place(last, position);
    this.#siftUp(position);
    this.#siftDown(last.heapPosition);
  }

  #place(item: Item, position: number): void {
    this.#items[position] = item;
    item.heapPosition = position;
  }

  #siftUp(start: number): void {
    let position = start;
    const item = this.#items[position] as Item;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = this.#items[parentPosition] as Item;
      if (!isBefore(item, parent)) break;
      this.#place(parent, position);
      position = parentPosition;
    }
    this.#place(item, position);
  }

  #siftDown(start: number): void {
    let position = start;
    const item = this.#items[position] as Item;
    for (;;) {
      let childPosition = 2 * position + 1;
      if (childPosition >= this.#items.length) break;
      const right = this.#items[childPosition + 1];
      if (right !== undefined && isBefore(right, this.#items[childPosition] as Item)) childPosition += 1;
      const child = this.#items[childPosition] as Item;
      if (!isBefore(child, item)) break;
      this.#place(child, position);
      position = childPosition;
    }
    this.#place(item, position);
  }
}

function isBefore(a: HeapItem, b: HeapItem): boolean {
  return a.key < b.key || (a.key === b.key && a.sequence < b.sequence);
}
