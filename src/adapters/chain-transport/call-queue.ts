import type { DispatcherError } from '../../domain/shared/errors.ts';

/** A `forward` that waits for the rows of positions [start, end), of which it wants those from `wantedFrom` on. */
interface Call {
  readonly end: number;
  readonly wantedFrom: number;
  readonly resolve: (hidden: Float32Array) => void;
  readonly reject: (error: DispatcherError) => void;
  /** float32[end - wantedFrom, hidden], made when the rows come in pieces. */
  rows: Float32Array | undefined;
}

/** Who waits for which positions at the end of a chain, however the steps that bring them are cut. */
export class CallQueue {
  readonly #hiddenSize: number;
  /** In the order of the positions. */
  readonly #calls: Call[] = [];

  constructor(hiddenSize: number) {
    this.#hiddenSize = hiddenSize;
  }

  get length(): number {
    return this.#calls.length;
  }

  /** Waits for positions [start, start + tokens): resolves with the last `wanted` rows. */
  add(start: number, tokens: number, wanted: number): Promise<Float32Array> {
    const end = start + tokens;
    return new Promise((resolve, reject) => {
      this.#calls.push({ end, wantedFrom: end - wanted, resolve, reject, rows: undefined });
    });
  }

  /** How many rows at the end of these positions hold all that is waited for. */
  rowsWanted(position: number, tokens: number): number {
    const end = position + tokens;
    for (const call of this.#calls) {
      if (call.end <= position || call.wantedFrom === call.end) continue;
      const first = Math.max(position, call.wantedFrom);
      return Math.max(0, end - first);
    }
    return 0;
  }

  /** Positions up to `end` are done. @param hidden the last rows of them, at least those wanted */
  deliver(end: number, hidden: Float32Array): void {
    const size = this.#hiddenSize;
    const first = end - hidden.length / size;
    for (let call = this.#calls[0]; call !== undefined; call = this.#calls[0]) {
      const from = Math.max(first, call.wantedFrom);
      const to = Math.min(end, call.end);
      if (from < to) {
        const rows = hidden.subarray((from - first) * size, (to - first) * size);
        if (from === call.wantedFrom && to === call.end) {
          call.rows = rows;
        } else {
          call.rows ??= new Float32Array((call.end - call.wantedFrom) * size);
          call.rows.set(rows, (from - call.wantedFrom) * size);
        }
      }
      if (call.end > end) return;
      this.#calls.shift();
      call.resolve(call.rows ?? new Float32Array(0));
    }
  }

  rejectAll(error: DispatcherError): void {
    for (const call of this.#calls.splice(0)) call.reject(error);
  }
}
