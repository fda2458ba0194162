import { invariant } from '../shared/invariant.ts';

/** An entry of a queue; the links belong to the queue. */
export interface QueueNode {
  next: QueueNode | undefined;
  previous: QueueNode | undefined;
}

/**
 * First in, first out, with a bound, and with removal from the middle for jobs that are cancelled or
 * expire. A doubly linked list through the entries themselves: every operation is O(1) and allocates
 * nothing.
 */
export class FifoQueue<Node extends QueueNode> {
  readonly limit: number;
  #head: Node | undefined;
  #tail: Node | undefined;
  #length = 0;

  /** @param limit entries at most, >= 0 */
  constructor(limit: number) {
    this.limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= this.limit;
  }

  peek(): Node | undefined {
    return this.#head;
  }

  /** The entry that was appended last. */
  last(): Node | undefined {
    return this.#tail;
  }

  /** Appends an entry; the caller has checked `isFull`. */
  enqueue(node: Node): void {
    invariant(!this.isFull, 'the queue never exceeds its limit');
    node.previous = this.#tail;
    node.next = undefined;
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    this.#length += 1;
  }

  /** Removes an entry that is in this queue. */
  remove(node: Node): void {
    invariant(this.#length > 0, 'an entry is removed only from a queue that holds it');
    if (node.previous === undefined) this.#head = node.next as Node | undefined;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#tail = node.previous as Node | undefined;
    else node.next.previous = node.previous;
    node.next = undefined;
    node.previous = undefined;
    this.#length -= 1;
  }

  *[Symbol.iterator](): Generator<Node> {
    for (let node = this.#head; node !== undefined; node = node.next as Node | undefined) yield node;
  }
}
