import { type HeapItem, MinHeap } from '../shared/min-heap.ts';
import { FifoQueue, type QueueNode } from './fifo-queue.ts';

/** An entry: its key is the deadline. The links and the position belong to the queue. */
export interface DeadlineEntry extends QueueNode, HeapItem {}

/**
 * Entries by their deadlines, the first at the head. Deadlines mostly come in order, since most requests
 * may wait equally long: such entries stand in a list, where everything is O(1), and those that come with an
 * earlier deadline than the last of the list in a heap, where it is O(log entries).
 */
export class DeadlineQueue<Entry extends DeadlineEntry> {
  readonly #inOrder = new FifoQueue<Entry>(Number.MAX_SAFE_INTEGER);
  readonly #others = new MinHeap<Entry>();

  /** @param entry its sequence is above those of all entries so far */
  add(entry: Entry): void {
    const last = this.#inOrder.last();
    if (last === undefined || last.key <= entry.key) this.#inOrder.enqueue(entry);
    else this.#others.push(entry);
  }

  /** Removes an entry that is in this queue. */
  remove(entry: Entry): void {
    if (entry.heapPosition < 0) this.#inOrder.remove(entry);
    else this.#others.remove(entry);
  }

  /** Earliest deadline; of equal ones the first to come. */
  first(): Entry | undefined {
    const inOrder = this.#inOrder.peek();
    const other = this.#others.peek();
    if (inOrder === undefined || other === undefined) return inOrder ?? other;
    const isOther = other.key < inOrder.key || (other.key === inOrder.key && other.sequence < inOrder.sequence);
    return isOther ? other : inOrder;
  }

  /** Calls `visit` with each entry whose deadline is at most `key`, in no order. O(entries visited) */
  visitUpTo(key: number, visit: (entry: Entry) => void): void {
    for (const entry of this.#inOrder) {
      if (entry.key > key) break;
      visit(entry);
    }
    this.#others.visitUpTo(key, visit);
  }
}
