import { invariant } from '../domain/shared/invariant.ts';

const FIRST_CAPACITY = 64;

/**
 * Events to come, earliest first: by time, then by priority, then in the order they were added, so
 * that a run never depends on how the heap happens to lie. Binary heap in typed arrays: a simulation
 * pushes and pops millions of times, and objects would cost most of its time. O(log n) each.
 */
export class EventQueue {
  #times = new Float64Array(FIRST_CAPACITY);
  #priorities = new Uint8Array(FIRST_CAPACITY);
  #sequences = new Float64Array(FIRST_CAPACITY);
  #payloads = new Float64Array(FIRST_CAPACITY);
  #size = 0;
  #nextSequence = 0;
  /** Time of the event popped last. */
  time = Number.NEGATIVE_INFINITY;
  /** Priority of the event popped last. */
  priority = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * @param time not before the event popped last   @param priority 0..255, smaller first at equal times
   * @param payload integer that tells what happens
   */
  push(time: number, priority: number, payload: number): void {
    invariant(time >= this.time, 'an event never lies in the past');
    if (this.#size === this.#times.length) this.#grow();
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    let position = this.#size;
    this.#size += 1;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!this.#isAfter(parent, time, priority, sequence)) break;
      this.#move(parent, position);
      position = parent;
    }
    this.#write(position, time, priority, sequence, payload);
  }

  /** Payload of the earliest event, which is removed; its time and priority are then `time` and `priority`. */
  pop(): number | undefined {
    if (this.#size === 0) return undefined;
    const payload = this.#payloads[0] ?? 0;
    this.time = this.#times[0] ?? 0;
    this.priority = this.#priorities[0] ?? 0;
    this.#size -= 1;
    if (this.#size > 0) this.#sinkLast();
    return payload;
  }

  /** Time of the earliest event; infinite when there is none. */
  peekTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] ?? 0);
  }

  #sinkLast(): void {
    const last = this.#size;
    const time = this.#times[last] ?? 0;
    const priority = this.#priorities[last] ?? 0;
    const sequence = this.#sequences[last] ?? 0;
    const payload = this.#payloads[last] ?? 0;
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (
        right < this.#size &&
        this.#isAfter(child, this.#times[right] ?? 0, this.#priorities[right] ?? 0, this.#sequences[right] ?? 0)
      ) {
        child = right;
      }
      if (this.#isAfter(child, time, priority, sequence)) break;
      this.#move(child, position);
      position = child;
    }
    this.#write(position, time, priority, sequence, payload);
  }

  /** Whether the event at `position` comes after (time, priority, sequence). */
  #isAfter(position: number, time: number, priority: number, sequence: number): boolean {
    const ownTime = this.#times[position] ?? 0;
    if (ownTime !== time) return ownTime > time;
    const ownPriority = this.#priorities[position] ?? 0;
    if (ownPriority !== priority) return ownPriority > priority;
    return (this.#sequences[position] ?? 0) > sequence;
  }

  #move(from: number, to: number): void {
    this.#write(
      to,
      this.#times[from] ?? 0,
      this.#priorities[from] ?? 0,
      this.#sequences[from] ?? 0,
      this.#payloads[from] ?? 0,
    );
  }

  #write(position: number, time: number, priority: number, sequence: number, payload: number): void {
    this.#times[position] = time;
    this.#priorities[position] = priority;
    this.#sequences[position] = sequence;
    this.#payloads[position] = payload;
  }

  #grow(): void {
    const capacity = 2 * this.#times.length;
    const times = new Float64Array(capacity);
    times.set(this.#times);
    this.#times = times;
    const priorities = new Uint8Array(capacity);
    priorities.set(this.#priorities);
    this.#priorities = priorities;
    const sequences = new Float64Array(capacity);
    sequences.set(this.#sequences);
    this.#sequences = sequences;
    const payloads = new Float64Array(capacity);
    payloads.set(this.#payloads);
    this.#payloads = payloads;
  }
}
