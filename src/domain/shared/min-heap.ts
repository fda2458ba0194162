/** What a heap needs of its items: an order, and a place to remember where the item stands. */
export interface HeapItem {
  readonly key: number;
  /** Ties are broken by this, ascending. */
  readonly sequence: number;
  /** Written by the heap; -1 when the item is in none. */
  heapPosition: number;
}

/** Children of a node: four lie together in memory, and the tree is half as deep as with two. */
const ARITY = 4;

/** Min-heap with removal of any item: push, pop and remove are O(log n), peek O(1). */
export class MinHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  /** Of the items, so that a comparison looks at the item itself only where keys are equal. */
  readonly #keys: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const position = this.#items.length;
    this.#items.push(item);
    this.#keys.push(item.key);
    this.#siftUp(position, item, item.key);
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
    const key = this.#keys.pop() as number;
    if (last === item) return;
    const parent = (position - 1) >> 2;
    if (position > 0 && this.#isBefore(last, key, parent)) this.#siftUp(position, last, key);
    else this.#siftDown(position, last, key);
  }

  /** Calls `visit` with every item whose key is at most `key`, in no order. O(items visited) */
  visitUpTo(key: number, visit: (item: Item) => void): void {
    const left = [0];
    for (let position = left.pop(); position !== undefined; position = left.pop()) {
      if (position >= this.#items.length || (this.#keys[position] as number) > key) continue;
      visit(this.#items[position] as Item);
      for (let child = 1; child <= ARITY; child += 1) left.push(ARITY * position + child);
    }
  }

  #place(position: number, item: Item, key: number): void {
    this.#items[position] = item;
    this.#keys[position] = key;
    item.heapPosition = position;
  }

  #siftUp(start: number, item: Item, key: number): void {
    let position = start;
    while (position > 0) {
      const parent = (position - 1) >> 2;
      if (!this.#isBefore(item, key, parent)) break;
      this.#place(position, this.#items[parent] as Item, this.#keys[parent] as number);
      position = parent;
    }
    this.#place(position, item, key);
  }

  #siftDown(start: number, item: Item, key: number): void {
    const { length } = this.#items;
    let position = start;
    for (;;) {
      const first = ARITY * position + 1;
      if (first >= length) break;
      let least = first;
      let leastKey = this.#keys[first] as number;
      const end = Math.min(first + ARITY, length);
      for (let child = first + 1; child < end; child += 1) {
        const childKey = this.#keys[child] as number;
        if (childKey < leastKey || (childKey === leastKey && this.#sequence(child) < this.#sequence(least))) {
          least = child;
          leastKey = childKey;
        }
      }
      if (leastKey > key || (leastKey === key && this.#sequence(least) > item.sequence)) break;
      this.#place(position, this.#items[least] as Item, leastKey);
      position = least;
    }
    this.#place(position, item, key);
  }

  #isBefore(item: Item, key: number, position: number): boolean {
    const other = this.#keys[position] as number;
    return key < other || (key === other && item.sequence < this.#sequence(position));
  }

  #sequence(position: number): number {
    return (this.#items[position] as Item).sequence;
  }
}
