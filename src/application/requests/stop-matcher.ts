/**
 * Finds stop texts in a text that arrives in pieces. Text that could be the beginning of a stop text
 * is held back, so that no part of one is ever delivered, wherever the pieces' borders fall.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  /** @param stops texts at which the generation ends; empty ones are ignored */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** Takes the next piece; returns what is certain to be delivered, and whether a stop text was met. */
  push(piece: string): { readonly text: string; readonly isStopped: boolean } {
    if (this.#stops.length === 0) return { text: piece, isStopped: false };
    const text = this.#held + piece;
    let stopAt = -1;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at >= 0 && (stopAt < 0 || at < stopAt)) stopAt = at;
    }
    if (stopAt >= 0) {
      this.#held = '';
      return { text: text.slice(0, stopAt), isStopped: true };
    }
    const certain = text.length - this.#longestPossibleStart(text);
    this.#held = text.slice(certain);
    return { text: text.slice(0, certain), isStopped: false };
  }

  /** What was held back, when the generation ends for another reason. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** Length of the longest end of `text` that begins one of the stop texts. */
  #longestPossibleStart(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (stop.startsWith(text.slice(text.length - length))) longest = length;
      }
    }
    return longest;
  }
}
