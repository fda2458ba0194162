import { MinHeap } from '../shared/min-heap.ts';
import { FifoQueue } from './fifo-queue.ts';
import { newPlace, type WaitingJob, type WaitingPlace } from './waiting-job.ts';

export interface JobOrderOptions {
  /** `shortest`: by predicted service time. */
  readonly order: 'fifo' | 'shortest';
  /**
   * Bounds what goes before a job, > 1: f. With Q the work (sum of sizes) that waits in its order when it
   * comes, itself included, it starts before f Q of work, and one job more, has started there; first in,
   * first out it would start after Q at most.
   */
  readonly maxWaitFactor: number;
}

/** Predicted sizes in classes, each twice the one before; the middle one is the typical job. */
const SIZE_CLASSES = 24;

/**
 * The order of the waiting jobs of one tenant in one class. Urgent ones go first, by their deadlines;
 * then the shortest, or the one that came first. None is overtaken for ever: the work that starts here is
 * counted, and a job whose share is used up is due and goes before all.
 *
 * Why the bound holds: a job is due once (f - 1) Q has started. From then on only jobs with an earlier due
 * go before it. All of these waited when the last of them came, and since its due is earlier its own Q,
 * which counts the others, is not above ours: together they add Q at most. The one job more is that whose
 * start made it due. All operations O(log jobs).
 */
export class JobOrder {
  readonly #options: JobOrderOptions;
  readonly #arrivals = new FifoQueue<WaitingJob>(Number.MAX_SAFE_INTEGER);
  #urgent: MinHeap<WaitingPlace> | undefined;
  readonly #bySize: MinHeap<WaitingPlace> | undefined;
  readonly #byDue: MinHeap<WaitingPlace> | undefined;
  readonly #workBySize: Float64Array | undefined;
  readonly #countBySize: Float64Array | undefined;
  #startedWork = 0;
  #waitingWork = 0;

  constructor(options: JobOrderOptions) {
    this.#options = options;
    if (options.order !== 'shortest') return;
    this.#bySize = new MinHeap();
    this.#byDue = new MinHeap();
    this.#workBySize = new Float64Array(SIZE_CLASSES);
    this.#countBySize = new Float64Array(SIZE_CLASSES);
  }

  get length(): number {
    return this.#arrivals.length;
  }

  add(waiting: WaitingJob): void {
    const { size, job } = waiting;
    this.#waitingWork += size;
    waiting.dueWork = this.#startedWork + (this.#options.maxWaitFactor - 1) * this.#waitingWork;
    this.#arrivals.enqueue(waiting);
    if (this.#bySize !== undefined) {
      waiting.inSizes = newPlace(waiting, size);
      this.#bySize.push(waiting.inSizes);
      waiting.inDues = newPlace(waiting, waiting.dueWork);
      this.#byDue?.push(waiting.inDues);
      this.#count(size, 1);
    }
    if (job.isUrgent === true && job.deadlineMs !== undefined) {
      this.#urgent ??= new MinHeap();
      waiting.inUrgent = newPlace(waiting, job.deadlineMs);
      this.#urgent.push(waiting.inUrgent);
    }
  }

  /** @param hasStarted it runs now, else it left */
  remove(waiting: WaitingJob, hasStarted: boolean): void {
    const { size } = waiting;
    this.#arrivals.remove(waiting);
    this.#waitingWork = this.length === 0 ? 0 : this.#waitingWork - size;
    if (hasStarted) this.#startedWork += size;
    if (waiting.inUrgent !== undefined) this.#urgent?.remove(waiting.inUrgent);
    if (waiting.inSizes === undefined) return;
    this.#bySize?.remove(waiting.inSizes);
    if (waiting.inDues !== undefined) this.#byDue?.remove(waiting.inDues);
    this.#count(size, -1);
  }

  /** Who came first. */
  oldest(): WaitingJob | undefined {
    return this.#arrivals.peek();
  }

  /** Who is next. */
  head(): WaitingJob | undefined {
    const due = this.#byDue === undefined ? this.#arrivals.peek() : this.#byDue.peek()?.waiting;
    const urgent = this.#urgent?.peek()?.waiting;
    if (due === undefined || due.dueWork <= this.#startedWork) return due;
    return urgent ?? this.#bySize?.peek()?.waiting ?? due;
  }

  /** Jobs and work that would go before a new job of this size, by now. O(1) */
  ahead(size: number): { readonly count: number; readonly work: number } {
    const counts = this.#countBySize;
    const works = this.#workBySize;
    if (counts === undefined || works === undefined) return { count: this.length, work: this.#waitingWork };
    let count = 0;
    let work = 0;
    const last = sizeClass(size);
    for (let i = 0; i <= last; i += 1) {
      // Of its own class about half is shorter.
      const share = i === last ? 0.5 : 1;
      count += share * (counts[i] as number);
      work += share * (works[i] as number);
    }
    return { count, work };
  }

  #count(size: number, by: 1 | -1): void {
    if (this.#countBySize === undefined || this.#workBySize === undefined) return;
    const i = sizeClass(size);
    this.#countBySize[i] = (this.#countBySize[i] as number) + by;
    this.#workBySize[i] = this.#countBySize[i] === 0 ? 0 : (this.#workBySize[i] as number) + by * size;
  }
}

function sizeClass(size: number): number {
  return Math.min(SIZE_CLASSES - 1, Math.max(0, Math.floor(Math.log2(size)) + SIZE_CLASSES / 2));
}
