import type { GenerationEvent } from '../../../application/ports/inference.ts';
import type { SampledToken } from '../../../application/ports/language-model.ts';

/** A token with its text and log-probabilities, as both endpoints report it. */
export interface LoggedToken {
  readonly text: string;
  /** Null where nothing precedes the token (the first of an echoed prompt). */
  readonly logprob: number | null;
  readonly top: readonly { readonly text: string; readonly logprob: number }[];
  /** Characters of the choice's text before this token. */
  readonly textOffset: number;
}

/** Text of a choice that is certain, with the tokens that made it. */
export interface ChoicePiece {
  readonly text: string;
  /** Empty unless log-probabilities were asked for. */
  readonly tokens: readonly LoggedToken[];
  /** On the last piece. */
  readonly end: { readonly finishReason: 'stop' | 'length'; readonly completionTokens: number } | undefined;
}

/** OpenAI's floor for a probability of zero: JSON has no infinity. */
const LOWEST_LOGPROB = -9_999;

/**
 * Turns one job's events into pieces of one choice. Tokens whose text is still held back (part of a
 * character, or perhaps of a stop text) wait for it, so that log-probabilities never tell of text
 * that the client does not get.
 */
export class ChoiceAssembler {
  readonly #tokenTexts: ((tokens: readonly number[]) => readonly string[]) | undefined;
  #held: LoggedToken[] = [];
  #textOffset = 0;

  /** @param tokenTexts the text of each token alone; undefined: no log-probabilities are wanted */
  constructor(tokenTexts: ((tokens: readonly number[]) => readonly string[]) | undefined) {
    this.#tokenTexts = tokenTexts;
  }

  /** Undefined: the event made nothing certain yet. */
  take(event: GenerationEvent): ChoicePiece | undefined {
    switch (event.kind) {
      case 'prompt': {
        for (const token of event.tokens) this.#log(token);
        return { text: event.text, tokens: this.#release(), end: undefined };
      }
      case 'token': {
        this.#log(event.token);
        if (event.text === '') return undefined;
        return { text: event.text, tokens: this.#release(), end: undefined };
      }
      case 'end': {
        // Held tokens without text of their own are the stop text or the end-of-text token.
        const isCutOff = event.finishReason === 'stop' && event.text === '';
        const end = { finishReason: event.finishReason, completionTokens: event.completionTokens };
        return { text: event.text, tokens: isCutOff ? [] : this.#release(), end };
      }
    }
  }

  #log(sampled: SampledToken): void {
    if (this.#tokenTexts === undefined) return;
    const alternatives = sampled.topLogprobs ?? [];
    const texts = this.#tokenTexts([sampled.token, ...alternatives.map((alternative) => alternative.token)]);
    const text = texts[0] ?? '';
    this.#held.push({
      text,
      logprob: sampled.logprob === undefined ? null : finiteLogprob(sampled.logprob),
      top: alternatives.map(({ logprob }, i) => ({ text: texts[i + 1] ?? '', logprob: finiteLogprob(logprob) })),
      textOffset: this.#textOffset,
    });
    this.#textOffset += text.length;
  }

  #release(): readonly LoggedToken[] {
    const released = this.#held;
    if (released.length > 0) this.#held = [];
    return released;
  }
}

function finiteLogprob(logprob: number): number {
  return Math.max(logprob, LOWEST_LOGPROB);
}
